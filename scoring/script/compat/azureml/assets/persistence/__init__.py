"""Where models were found before `azureml.core`."""
