"""What is the least a Flask service can do for a request?"""

from flask import Flask

app = Flask(__name__)


@app.get("/")
def empty() -> dict[str, str]:
    return {"status": "ok"}
