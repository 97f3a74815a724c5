import asyncio
import json


async def init():
    global lock
    lock = asyncio.Lock()


async def run(data):
    asked = json.loads(data)
    async with lock:
        await asyncio.sleep(0)
    await asyncio.sleep(asked["seconds"])
    return {"waited": asked["seconds"]}
