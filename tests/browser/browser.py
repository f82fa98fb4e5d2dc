# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium that looks at the page of a bilbyd of our own. What went wrong in it (console
errors, violations of the content policy, requests to elsewhere) is kept and asked for at each test's
end."""
import atexit
import base64
import json
import shutil
import unittest
import urllib.error
import urllib.request
from urllib.parse import quote

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from daemon import Daemon, free_ports

PATIENCE_S = 60
DESKTOP = (1280, 900)
PHONE = (390, 844)
STARTED = []

# Violations are told to the page only while it lives: each document keeps its own list.
WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation',
                          event => window.violations.push(event.violatedDirective));
"""


def need(program):
    path = shutil.which(program)
    if not path:
        raise RuntimeError(f'{program} is not installed: ./bootstrap.sh check installs it')
    return path


def start_chromium():
    options = Options()
    options.binary_location = need('chromium')
    for argument in ('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
                     '--disable-background-networking', '--no-first-run', '--hide-scrollbars',
                     '--lang=en'):
        options.add_argument(argument)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'})
    service = Service(need('chromedriver'), port=free_ports(1)[0])
    driver = webdriver.Chrome(options=options, service=service)
    driver.execute_cdp_cmd('Page.addScriptToEvaluateOnNewDocument', {'source': WATCH})
    return driver


def chromium():
    """One for the whole run: starting it takes longer than most tests."""
    if not STARTED:
        STARTED.append(start_chromium())
        atexit.register(STARTED[0].quit)
    return STARTED[0]


class Api:
    """The HTTP API, to make what a test needs and to see what became of it."""

    def __init__(self, port, user='guest', password='guest'):
        self.base = f'http://127.0.0.1:{port}/api'
        credentials = base64.b64encode(f'{user}:{password}'.encode()).decode()
        self.headers = {'Authorization': f'Basic {credentials}', 'Content-Type': 'application/json'}

    def ask(self, method, path, body=None):
        """Status and document."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, self.headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def get(self, path):
        status, document = self.ask('GET', path)
        assert status == 200, (path, status, document)
        return document

    def put(self, path, body=None):
        status, document = self.ask('PUT', path, body or {})
        assert status in (201, 204), (path, status, document)

    def post(self, path, body=None):
        status, document = self.ask('POST', path, body or {})
        assert status in (200, 201, 204), (path, status, document)
        return document

    def has(self, path):
        return self.ask('GET', path)[0] == 200

    def user(self, name, tags, permissions=None):
        self.put(f'/users/{quote(name, "")}', {'password': 'pw', 'tags': tags})
        if permissions:
            configure, write, read = permissions
            self.put(f'/permissions/%2F/{quote(name, "")}',
                     {'configure': configure, 'write': write, 'read': read})

    def queue(self, name, vhost='/', **settings):
        self.put(f'/queues/{quote(vhost, "")}/{quote(name, "")}', {'durable': True, **settings})

    def publish(self, queue, payload, **properties):
        self.post('/exchanges/%2F/amq.default/publish',
                  {'routing_key': queue, 'payload': payload, 'payload_encoding': 'string',
                   'properties': properties})


class WithPage(unittest.TestCase):
    """One daemon for all tests of the class; each begins at the page's sign-in form."""

    @classmethod
    def setUpClass(cls):
        cls.broker = Daemon().start()
        cls.addClassCleanup(cls.broker.__exit__)
        cls.driver = chromium()
        cls.api = Api(cls.broker.http_port)
        cls.origin = f'http://127.0.0.1:{cls.broker.http_port}'
        cls.prepare()

    @classmethod
    def prepare(cls):
        """What the class's tests need in the broker."""

    def setUp(self):
        self.resize(*DESKTOP)
        self.prefer('light')
        self.driver.get(f'{self.origin}/api/') # the same origin, and no script
        self.script('sessionStorage.clear(); localStorage.clear();')
        self.driver.get_log('browser') # also what the test before still asked for as it ended
        self.driver.get_log('performance')
        self.driver.get(f'{self.origin}/')
        self.expected_errors = 0

    def tearDown(self):
        self.assertEqual(self.script('return window.violations'), [], 'content policy')
        errors = [line['message'] for line in self.driver.get_log('browser')
                  if line['level'] == 'SEVERE']
        self.assertLessEqual(len(errors), self.expected_errors, errors)
        for line in self.driver.get_log('performance'):
            message = json.loads(line['message'])['message']
            if message['method'] == 'Network.requestWillBeSent':
                url = message['params']['request']['url']
                self.assertTrue(url.startswith((self.origin, 'data:', 'blob:')), url)

    # -- looking --

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def until(self, condition, what):
        wait = WebDriverWait(self.driver, PATIENCE_S, 0.05, [StaleElementReferenceException])
        try:
            return wait.until(lambda _: condition(), what)
        except TimeoutException:
            self.fail(f'{what}; the page says:\n{self.text()}')

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector):
        return self.script('''return [...document.querySelectorAll(arguments[0])]
                              .map(element => element.textContent)''', selector)

    def one(self, selector):
        self.until(lambda: self.all(selector), f'nothing is {selector}')
        return self.all(selector)[0]

    def text(self):
        return self.script('return document.body.innerText')

    def until_text(self, text):
        self.until(lambda: text in self.text(), f'no {text!r} on the page')

    def until_no_text(self, text):
        self.until(lambda: text not in self.text(), f'{text!r} stays on the page')

    # -- doing --

    def resize(self, width, height):
        self.driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {
            'width': width, 'height': height, 'deviceScaleFactor': 1, 'mobile': width < 600})

    def prefer(self, colours):
        """What the system says; and that nothing moves, so that colours are there at once."""
        self.driver.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': [
            {'name': 'prefers-color-scheme', 'value': colours},
            {'name': 'prefers-reduced-motion', 'value': 'reduce'}]})

    def sign_in(self, user='guest', password='guest'):
        self.one('#user').clear()
        self.one('#user').send_keys(user)
        self.one('#password').send_keys(password)
        self.button('Sign in')

    def enter(self, user='guest', password='guest'):
        self.sign_in(user, password)
        self.one('#main h1')

    def open(self, route):
        """A page by its address, shown."""
        self.script("document.querySelector('#main').replaceChildren(); location.hash = arguments[0]",
                    route)
        self.one('#main h1')

    def button(self, name, within='body'):
        """Clicks the button, link or fold of that text or label."""
        self.until(lambda: self.script(CLICK, name, within), f'no button {name!r}')

    def field(self, label, within='body'):
        found = self.until(lambda: self.script(FIELD, label, within), f'no field {label!r}')
        return found

    def fill(self, within, **values):
        """Types into the fields of a form; a list chooses, a truth value ticks."""
        for label, value in values.items():
            field = self.field(label.replace('_', ' '), within)
            if isinstance(value, bool):
                if field.is_selected() != value:
                    field.click()
            elif field.tag_name == 'select':
                Select(field).select_by_visible_text(value)
            else:
                field.clear()
                field.send_keys(value)


# Only what is shown counts.
CLICK = """
const [name, within] = arguments;
const shown = element => element.checkVisibility();
for (const element of document.querySelectorAll(`${within} button, ${within} a, ${within} summary`))
    if (shown(element) && !element.disabled
        && (element.textContent.trim() === name
            || element.getAttribute('aria-label')?.trim() === name)) {
        element.click();
        return true;
    }
return false;
"""

FIELD = """
const [label, within] = arguments;
for (const element of document.querySelectorAll(`${within} input, ${within} select, ${within} textarea`)) {
    const names = [...element.labels ?? []].map(one => one.textContent.replace(' (required)', '').trim());
    if (element.checkVisibility()
        && (names.some(one => one.startsWith(label)) || element.getAttribute('aria-label') === label))
        return element;
}
return null;
"""
