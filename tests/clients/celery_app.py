# SPDX-License-Identifier: Apache-2.0
"""The celery application of test_celery: a few tasks, broker amqp://, results rpc:// unless
CELERY_BACKEND names another; CELERY_QUEUE names its queue."""
import os
import time

import celery

app = celery.Celery("celery_app", broker=os.environ.get("AMQP_URL"),
                    backend=os.environ.get("CELERY_BACKEND", "rpc://"))
app.conf.task_default_queue = os.environ.get("CELERY_QUEUE", "celery")


@app.task
def add(x, y):
    return x + y


@app.task
def total(numbers):
    return sum(numbers)


@app.task
def moment():
    return time.time()


@app.task(bind=True, max_retries=5)
def stubborn(self, wanted):
    """Fails until it has been tried `wanted` times."""
    if self.request.retries < wanted:
        raise self.retry(countdown=0.2)
    return self.request.retries


@app.task
def fails():
    raise ValueError("on purpose")


@app.task(acks_late=True)
def late(x):
    return x


@app.task
def sleep(seconds):
    time.sleep(seconds)
    return seconds
