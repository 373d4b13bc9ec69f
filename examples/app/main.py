"""The app that the example team works on."""

from fastapi import FastAPI

app = FastAPI()
ITEMS: dict[int, str] = {}


@app.get("/items")
def items() -> dict[int, str]:
    return ITEMS


@app.post("/items")
def add(name: str) -> dict[str, int]:
    number = len(ITEMS) + 1
    ITEMS[number] = name
    return {"id": number}
