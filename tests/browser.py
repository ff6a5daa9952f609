"""A real browser that plays a video and says what it saw."""

import http.server
import shutil
import subprocess
import tempfile
import threading
import urllib.parse
from pathlib import Path

import pytest

PAGE = """<!doctype html><video id=v muted></video><script>
const v = document.getElementById("v"), done = words => fetch("/done?" + encodeURIComponent(words));
v.onerror = () => done("error " + v.error.code + " " + v.error.message);
v.onloadeddata = () => { v.currentTime = SECONDS; };
// A busy browser has sought before it has painted: until then the pixel is black.
const look = tries => {
  const c = document.createElement("canvas"); c.width = v.videoWidth; c.height = v.videoHeight;
  const g = c.getContext("2d"); g.drawImage(v, 0, 0);
  const [r, gr, b] = g.getImageData(X, Y, 1, 1).data;
  if (r + gr + b == 0 && tries > 0) { setTimeout(() => look(tries - 1), 100); return; }
  done([v.videoWidth, v.videoHeight, v.duration, b, gr, r].join(" "));
};
v.onseeked = () => look(50);
fetch("/video").then(r => r.blob()).then(b => { v.src = URL.createObjectURL(b); });
</script>"""


def chromium() -> str:
    """The program; the test is skipped where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium here (apt install chromium)")
    return found


def play(video: Path, seconds: float, pixel: tuple[int, int]) -> list[float]:
    """Width, height, duration, and blue, green, red of a pixel at a time, as the browser shows them."""
    program = chromium()
    answer: list[str] = []
    heard = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body, kind = b"", "text/html"
            if self.path == "/video":
                body, kind = video.read_bytes(), "video/mp4"
            elif self.path.startswith("/done?"):
                answer.append(urllib.parse.unquote(self.path.partition("?")[2]))
                heard.set()
            elif self.path == "/":
                page = PAGE.replace("SECONDS", str(seconds))
                body = page.replace("X, Y", f"{pixel[0]}, {pixel[1]}").encode()
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as profile:
        quiet = [
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ]
        words = [
            program,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            *quiet,
            f"--user-data-dir={profile}",
        ]
        browser = subprocess.Popen(
            [*words, f"http://127.0.0.1:{server.server_port}/"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert heard.wait(60), "the browser said nothing in a minute"
        finally:
            browser.terminate()
            browser.wait()
            server.shutdown()
    assert not answer[0].startswith("error"), answer[0]
    return [float(word) for word in answer[0].split()]
