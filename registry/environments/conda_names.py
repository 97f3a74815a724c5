"""Packages of conda that the Python package index has, too. Data: well-known ones; all others need conda's solver."""

# Under another name.
RENAMED = {
    "brotli-python": "brotli",
    "brotlipy": "brotli",
    "dask-core": "dask",
    "fbprophet": "prophet",
    "importlib_metadata": "importlib-metadata",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "onnxruntime-cpu": "onnxruntime",
    "opencv": "opencv-python-headless",
    "pil": "pillow",
    "psycopg2": "psycopg2-binary",
    "py-lightgbm": "lightgbm",
    "py-opencv": "opencv-python-headless",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "pyarrow-core": "pyarrow",
    "pyqt": "pyqt5",
    "pytables": "tables",
    "python-graphviz": "graphviz",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "redis-py": "redis",
    "seaborn-base": "seaborn",
    "tensorflow-base": "tensorflow",
    "tensorflow-mkl": "tensorflow",
    "uvicorn-standard": "uvicorn",
}

# Under the same name.
_SAME = """
absl-py accelerate aiohttp altair anyio attrs azure-core azure-identity azure-storage-blob beautifulsoup4 bokeh
boto3 catboost category_encoders certifi cffi chardet charset-normalizer click cloudpickle cryptography cython dask
datasets diskcache distributed einops fastapi fastparquet filelock flask flask-cors fsspec gensim
google-cloud-storage grpcio gunicorn h5py holidays httpx huggingface_hub hyperopt idna imageio imbalanced-learn
importlib-metadata jinja2 joblib jsonschema keras lightgbm llvmlite lxml markdown markupsafe matplotlib mlflow
mlserver mlxtend msgpack networkx nltk numba numexpr numpy onnx onnxmltools onnxruntime openpyxl optuna orjson
packaging pandas patsy pillow plotly polars prometheus_client prophet protobuf psutil pyarrow pycocotools pydantic
pyjwt pymongo pyodbc pyparsing python-dateutil python-dotenv python-snappy pytorch-lightning pytz pywavelets pyyaml
pyzmq regex requests rich river ruamel.yaml s3fs safetensors scikit-image scikit-learn scipy seaborn
sentence-transformers sentencepiece setuptools shap simplejson six skl2onnx snowflake-connector-python spacy
sqlalchemy statsmodels sympy tabulate tenacity tensorboard tensorflow tensorflow-cpu textblob threadpoolctl tifffile
tokenizers toolz torchvision tornado tqdm transformers typing_extensions tzdata ujson urllib3 uvicorn werkzeug
xarray xgboost xlrd xmltodict yarl zipp
"""
SAME = frozenset(_SAME.split())

# What wheels and virtual environments bring along by themselves.
_BROUGHT_ALONG = """
_libgcc_mutex _openmp_mutex blas bzip2 c-ares ca-certificates intel-openmp ld_impl_linux-64 libblas libcblas libffi
libgcc libgcc-ng libgfortran libgfortran-ng libgfortran5 libgomp liblapack libnsl libopenblas libsqlite libstdcxx
libstdcxx-ng libuuid libzlib llvm-openmp mkl mkl-service mkl_fft mkl_random ncurses nomkl numpy-base openblas
openssl python_abi readline sqlite tk wheel xz zlib
"""
BROUGHT_ALONG = frozenset(_BROUGHT_ALONG.split())
