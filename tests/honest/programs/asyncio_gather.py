import asyncio
async def f(x):
    await asyncio.sleep(0)
    return x * 2
async def main():
    print(await asyncio.gather(*map(f, range(4))))
asyncio.run(main())
