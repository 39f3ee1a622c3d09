"""The road to other sites: one queue of tasks for each site, one of results for each run, both of JSON, by Celery.

Only the controller judges and writes the store. Brokers may lose messages, repeat them and be written to by others: a
task and a result are believed for their signatures, a host counts once, and one that nobody answers for is sent again.
"""

import socket
import ssl
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from celery import Celery
from celery.exceptions import Ignore
from kombu import Connection, Consumer, Exchange, Queue
from kombu.exceptions import OperationalError

from auditor.errors import HostError, Reason
from auditor.model.host import Host
from auditor.model.record import Record, Unshown
from auditor.run.audit import probe_of
from auditor.run.exchange import Parcel, Result, Said, Task, read_result, read_said, text_digest
from auditor.run.worker import RefusedTaskError, Site
from auditor.trust.signing import SigningKey
from auditor.trust.sshsig import Namespace, read_signature, unproven
from auditor.trust.workers import Workers

_TASK = "auditor.collect"
_SIGNATURE = "auditor_signature"
_TRIES = 3
"""How often a host's task is sent before nobody is said to answer."""
_PAUSE = 1.0
_PATIENTLY = {"max_retries": 60, "interval_start": _PAUSE, "interval_step": 0, "interval_max": _PAUSE}
"""How long a result is offered to a broker that is away; its task is done again afterwards, by whoever gets it."""
_CONFIRMED = 30.0
"""Seconds in which RabbitMQ says that it has a message; after that it is sent again, and counts once all the same."""
_DIRECT = Exchange("")


class Broker(Record, kw_only=True):
    """Where messages are left for each other."""

    url: Unshown[str]
    """Address: ``rediss://``, ``amqps://``, or without TLS ``redis://``, ``amqp://``."""
    authorities: Path | None = None
    """Certificate authorities to trust for TLS; None means the system's."""
    certificate: Path | None = None
    """Certificate to log in with."""
    certificate_key: Path | None = None
    """Its private key."""

    @property
    def is_encrypted(self) -> bool:
        """Tell whether TLS lies below."""
        return self.url.startswith(("rediss://", "amqps://"))


def _app(broker: Broker, **settings: Any) -> Celery:  # noqa: ANN401 — Celery's own settings
    """Return Celery with what is asked for alone: JSON only, no results of its own, no control by messages."""
    app = Celery("auditor", broker=broker.url, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        result_serializer="json",
        event_serializer="json",
        accept_content=["json"],
        result_accept_content=["json"],
        task_ignore_result=True,
        task_create_missing_queues=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_use_ssl=_tls(broker) if broker.is_encrypted else None,
        **settings,
    )
    app.finalize()
    # Celery brings tasks that run others: nobody is to have them run.
    for name in list(app.tasks):
        app.tasks.pop(name)
    return app


def _tls(broker: Broker) -> dict[str, Any]:
    files = {"ca_certs": broker.authorities, "certfile": broker.certificate, "keyfile": broker.certificate_key}
    said: dict[str, Any] = {name: str(file) for name, file in files.items() if file is not None}
    said["cert_reqs"] = ssl.CERT_REQUIRED
    if broker.url.startswith("redis"):
        return {f"ssl_{name}": value for name, value in said.items()}
    # Unless it is told the name, the library below takes the certificate of any server that an authority vouches for.
    return said | {"server_hostname": urlsplit(broker.url).hostname}


def _queue(name: str) -> Queue:
    return Queue(name, exchange=_DIRECT, routing_key=name, durable=True)


def _keys(broker: Broker, queue: str, **more: float) -> dict[str, Any]:
    """Return what Redis keeps a queue under: keys of its own, so that rights can be given queue by queue.

    RabbitMQ is to confirm every message: what is written to a server that dies at this moment was never sent.
    """
    if not broker.url.startswith("redis"):
        return {"confirm_publish": True}
    return {
        "priority_steps": [0],
        "unacked_key": f"{queue}.unacked",
        "unacked_index_key": f"{queue}.unacked_index",
        "unacked_mutex_key": f"{queue}.unacked_mutex",
        **more,
    }


def site_queue(site: str) -> str:
    """Return the name of the queue that holds a site's tasks."""
    return f"auditor.site.{site}"


def result_queue(run: str) -> str:
    """Return the name of the queue that holds a run's results."""
    return f"auditor.results.{run}"


# ---- the worker


def serve(broker: Broker, site: Site, *, at_once: int, longest: float, log: Callable[[str], None]) -> None:
    """Do the tasks of a site until the process is told to end; a task is taken off its queue when its result is sent.

    ``longest`` is how many seconds a task may take: a broker of Redis gives one that takes longer to another worker.
    """
    queue = site_queue(site.name)
    app = _app(
        broker,
        task_queues=[_queue(queue)],
        task_default_queue=queue,
        task_default_exchange="",
        task_default_routing_key=queue,
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        broker_transport_options=_keys(broker, queue, visibility_timeout=longest),
    )

    def collect(task: Any, *words: Any) -> None:  # noqa: ANN401 — what a message holds
        try:
            asked = _task_of(task.request, words, site.name)
            message = site.answer(asked, _signature_of(task.request))
        except RefusedTaskError as error:
            log(f"a task was refused: {error}")
            raise Ignore from error
        with app.producer_pool.acquire(block=True) as producer:
            producer.publish(
                message,
                serializer="json",
                exchange="",
                routing_key=result_queue(asked.run),
                retry=True,
                retry_policy=_PATIENTLY,
                delivery_mode="persistent",
                confirm_timeout=_CONFIRMED,
            )

    app.task(name=_TASK, bind=True)(collect)
    worker = app.Worker(
        pool="threads",
        concurrency=at_once,
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        hostname=f"auditor-{site.name}-{uuid.uuid4().hex[:8]}@{socket.gethostname()}",
        quiet=True,
    )
    worker.start()


def _task_of(request: Any, words: tuple[Any, ...], site: str) -> Task:  # noqa: ANN401 — Celery's own type
    """Read a task out of a message; nothing but its three words is taken."""
    if any((request.callbacks, request.errbacks, request.chain, request.chord, request.kwargs)):
        raise RefusedTaskError("it asks for more than a task of ours does")
    if len(words) != len(("run", "host", "probe")) or not all(isinstance(word, str) for word in words):
        raise RefusedTaskError("it is not of three words")
    run, host, probe = words
    return Task(id=str(request.id), run=run, host=host, probe=probe, site=site)


def _signature_of(request: Any) -> str:  # noqa: ANN401 — Celery's own type
    signature = (request.headers or {}).get(_SIGNATURE)
    if not isinstance(signature, str):
        raise RefusedTaskError("it is not signed")
    return signature


# ---- the controller


@dataclass(slots=True, kw_only=True)
class _Waiting:
    """A host that somebody waits for."""

    host: Host
    site: str
    probe: str
    came: threading.Event = field(default_factory=threading.Event)
    said: Said | None = None
    evidence: bytes | None = None


class Dispatch:
    """Has workers ask hosts, and hands their sealed evidence on. Close it when done."""

    def __init__(
        self,
        broker: Broker,
        run: str,
        *,
        key: SigningKey,
        workers: Workers,
        patience: float,
        log: Callable[[str], None],
        today: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Begin to listen. ``patience`` is how many seconds a site may be silent before a task is repeated."""
        self._run, self._key, self._workers, self._patience = run, key, workers, patience
        self._log, self._today = log, today
        self._app = _app(broker, task_publish_retry=False, broker_transport_options=_keys(broker, result_queue(run)))
        self._waiting: dict[str, _Waiting] = {}
        self._heard: dict[str, float] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._listener = threading.Thread(target=self._listen, name="results", daemon=True)
        self._listener.start()

    def ask(self, host: Host) -> Parcel:
        """Have a worker of its site ask a host; HostError with its reason, or when nobody answers."""
        site = host.site or ""
        waiting = _Waiting(host=host, site=site, probe=probe_of(host))
        names: list[str] = []
        try:
            for _ in range(_TRIES):
                if not self._closing.is_set():
                    names.append(self._sent(waiting))
                if self._answered(waiting):
                    return _parcel(waiting)
        finally:
            with self._lock:
                for name in names:
                    self._waiting.pop(name, None)
        raise HostError(
            Reason.NO_WORKER, f"no worker of site {site} answered in {_TRIES} tries of {self._patience:g} s each"
        )

    def close(self) -> None:
        """End listening; results that come later are left to nobody."""
        self._closing.set()
        self._listener.join()

    def _sent(self, waiting: _Waiting) -> str:
        task = Task(id=str(uuid.uuid4()), run=self._run, host=waiting.host.key, probe=waiting.probe, site=waiting.site)
        with self._lock:
            self._waiting[task.id] = waiting
        # A broker that is away is waited for: whoever asks has time until it is the broker that is the fault.
        until = time.monotonic() + self._patience
        while True:
            try:
                self._app.send_task(
                    _TASK,
                    args=[task.run, task.host, task.probe],
                    task_id=task.id,
                    queue=_queue(site_queue(task.site)),
                    exchange="",
                    routing_key=site_queue(task.site),
                    headers={_SIGNATURE: self._key.sign(task.text, Namespace.TASK)},
                    expires=2 * self._patience,
                    retry=False,
                    confirm_timeout=_CONFIRMED,
                )
            except OperationalError as error:
                if time.monotonic() > until:
                    raise HostError(Reason.NO_WORKER, f"the broker cannot be reached: {error}") from error
                time.sleep(_PAUSE)
            else:
                return task.id

    def _answered(self, waiting: _Waiting) -> bool:
        """Wait while the site says anything at all; False when it has been silent for too long."""
        begun = time.monotonic()
        while not waiting.came.wait(min(_PAUSE, self._patience)):
            last = max(begun, self._heard.get(waiting.site, begun))
            if time.monotonic() - last > self._patience:
                return waiting.came.is_set()
        return True

    def _listen(self) -> None:
        """Take results for as long as it goes; a broker that is away is waited for."""
        while not self._closing.is_set():
            connection = self._app.connection_for_read()
            try:
                with connection:
                    self._consume(connection)
            except (*connection.connection_errors, *connection.channel_errors, OperationalError) as error:
                self._log(f"the broker: {error}")
            self._closing.wait(_PAUSE)

    def _consume(self, connection: Connection) -> None:
        queue = _queue(result_queue(self._run))
        with Consumer(connection, queues=[queue], on_message=self._came, accept=["json"], prefetch_count=16):
            while not self._closing.is_set():
                with suppress(TimeoutError):
                    connection.drain_events(timeout=_PAUSE)
        queue(connection.default_channel).delete()

    def _came(self, message: Any) -> None:  # noqa: ANN401 — kombu's own type
        body = message.body
        data = body.encode() if isinstance(body, str) else bytes(body)
        wrong = self._taken(data)
        if wrong is not None:
            self._log(f"a result was refused: it {wrong}")
        message.ack()

    def _taken(self, data: bytes) -> str | None:
        """Take a result that is believed; else say why it is not, as the end of a sentence."""
        try:
            result = read_result(data)
            said = read_said(result.said)
            with self._lock:
                waiting = self._waiting.get(said.task)
            if waiting is None:
                return "answers a task that nobody waits for: it came twice, or too late"
            wrong = self._objection(waiting, result, said)
        except ValueError as error:
            return str(error)
        if wrong is not None:
            return wrong
        with self._lock:
            if waiting.said is not None:
                return "answers for a host that was answered for"
            waiting.said, waiting.evidence = said, result.evidence
        self._heard[waiting.site] = time.monotonic()
        waiting.came.set()
        return None

    def _objection(self, waiting: _Waiting, result: Result, said: Said) -> str | None:
        """Say why a result is not believed; None when it is. ValueError where its signature is none."""
        signature = read_signature(result.signature)
        if (said.run, said.host, said.probe) != (self._run, waiting.host.key, waiting.probe):
            return "answers another task than its name says"
        wrong = unproven(signature, result.said.encode(), Namespace.RESULT)
        if wrong is not None:
            return f"bears a signature that {wrong}"
        wrong = self._workers.objection(signature.key, waiting.site, self._today().date())
        if wrong is not None:
            return wrong
        if said.evidence != (None if result.evidence is None else text_digest(result.evidence)):
            return "brings other evidence than it says"
        return None


def _parcel(waiting: _Waiting) -> Parcel:
    """Return the evidence that came; HostError where a worker said why there is none."""
    if waiting.said is None or waiting.evidence is None:
        said = waiting.said
        error = HostError(
            Reason.PROBE_FAILED if said is None or said.reason is None else said.reason,
            "" if said is None else said.detail,
        )
        error.at_login = said is not None and said.at_login
        raise error
    return Parcel(text=waiting.evidence, probe_sha256=waiting.probe)
