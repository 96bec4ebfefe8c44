import asyncio
async def main():
    asyncio.create_task(asyncio.sleep(10))
    print("x")
asyncio.run(main())
