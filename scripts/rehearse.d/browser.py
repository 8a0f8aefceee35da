"""A Chromium without a screen, driven through ChromeDriver by the W3C WebDriver protocol (https://www.w3.org/TR/webdriver2/)."""

import http.client
import json
import subprocess

PATIENCE = 60
# The key under which WebDriver names elements.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
]


class Failed(Exception):
    """What the browser could not do, in its own words."""


class Window:
    """One window with a profile of its own below `directory`."""

    def __init__(self, directory):
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
        )
        self.session = None
        try:
            self.port = self.listening()
            chrome = {"args": [*FLAGS, f"--user-data-dir={directory}"]}
            opened = self.request("POST", "/session", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": chrome}}})
            self.session = f"/session/{opened['sessionId']}"
        except BaseException:
            self.close()
            raise

    def listening(self):
        """The port, which the driver tells once it can be asked."""
        for line in self.driver.stdout:
            _, told, port = line.partition("started successfully on port ")
            if told:
                return int(port.strip().rstrip("."))
        raise Failed("ChromeDriver did not start")

    def go(self, url):
        self.request("POST", f"{self.session}/url", {"url": url})

    def choose(self, css, file):
        """Gives a file to a file field."""
        found = self.request("POST", f"{self.session}/element", {"using": "css selector", "value": css})
        self.request("POST", f"{self.session}/element/{found[ELEMENT]}/value", {"text": str(file)})

    def run(self, script):
        """What a piece of JavaScript in the page returns."""
        return self.request("POST", f"{self.session}/execute/sync", {"script": script, "args": []})

    def slow_down(self, upload):
        """From now on so many bytes a second go out, also of what is on its way already; with None as many as can."""
        pace = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": upload or -1}
        for command, parameters in (("Network.enable", {}), ("Network.emulateNetworkConditions", pace)):
            self.request("POST", f"{self.session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def close(self):
        """Ends Chromium, and then the driver: without it, Chromium would stay."""
        try:
            if self.session:
                self.request("DELETE", self.session)
        except (OSError, http.client.HTTPException, Failed):
            pass
        finally:
            self.driver.terminate()
            self.driver.wait()

    def request(self, method, path, question=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, None if question is None else json.dumps(question), {"Content-Type": "application/json"})
            answered = json.loads(connection.getresponse().read())["value"]
        finally:
            connection.close()
        if isinstance(answered, dict) and "error" in answered:
            raise Failed(answered["message"].splitlines()[0])
        return answered


def install(checkout):
    """Makes sure of Chromium and its driver; raises FileNotFoundError where they cannot be had."""
    words = "source scripts/lib/install.sh && install_missing chromium:chromium chromedriver:chromium-driver"
    if subprocess.run(["bash", "-c", words], cwd=checkout).returncode != 0:
        raise FileNotFoundError("there is no Chromium, and Debian's could not be installed")
