import json
import logging

logger = logging.getLogger(__name__)


def init():
    logging.basicConfig(level=logging.INFO)
    logger.info("ready to multiply")


def run(raw_data: str) -> str:
    logger.info("asked for %d characters", len(raw_data))
    try:
        numbers = json.loads(raw_data)["data"]
        return "the product is {}".format(numbers[0] * numbers[1])
    except Exception as e:
        return str(e)
