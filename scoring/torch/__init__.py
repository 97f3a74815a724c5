"""PyTorch's exported programs and TorchScript."""
