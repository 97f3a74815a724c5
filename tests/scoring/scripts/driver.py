import importlib.util
import os

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "driven.py")
spec = importlib.util.spec_from_file_location("driver_module", path)
driver_module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(driver_module)


def init():
    driver_module.init()


def run(**arguments):
    raise RuntimeError("the server calls the run() of the script that is driven")
