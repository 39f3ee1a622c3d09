"""The loop of a service: APScheduler wakes whoever attends to a schedule when it is due."""

from collections.abc import Callable
from datetime import UTC, timedelta

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.executors.base import BaseExecutor
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler

from auditor.errors import AuditorError
from auditor.model.schedule import Schedule
from auditor.run.calendar import ScheduleTrigger, calendar_of

EVERY = timedelta(seconds=30)
"""How often the loop looks at the store again: for schedules that were added or removed, and audits left behind."""
_AT_ONCE = 16
_LOOKING = "look again"
"""Id of the job that looks at the store; no schedule has a blank in its name."""


class Loop:
    """Wakes an attendant when a schedule is due, as long as it runs."""

    def __init__(
        self,
        *,
        schedules: Callable[[], list[Schedule]],
        attend: Callable[[str], object],
        resume: Callable[[str], object],
        is_wanted: Callable[[Schedule], bool],
        failed: Callable[[BaseException], None],
        scheduler: BaseScheduler | None = None,
        executor: BaseExecutor | None = None,
        every: timedelta = EVERY,
    ) -> None:
        """Take what attends to a schedule, on time and at the start; ``failed`` hears what either raises.

        Without a scheduler and an executor of its own it has threads for both.
        """
        self._schedules = schedules
        self._attend = attend
        self._resume = resume
        self._is_wanted = is_wanted
        self._failed = failed
        self._every = every
        self._known: dict[str, Schedule] = {}
        self._scheduler = scheduler or BackgroundScheduler()
        # What is missed, and what of it is made up for, the attendant alone says: the loop drops nothing.
        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        self._scheduler.configure(timezone=UTC, job_defaults=defaults)
        self._scheduler.add_executor(executor or ThreadPoolExecutor(_AT_ONCE))
        self._scheduler.add_listener(self._heard, EVENT_JOB_ERROR)

    def start(self) -> None:
        """Go on with what was interrupted, do what was missed, and wait for what comes."""
        for schedule in self._schedules():
            self._know(schedule)
            self._scheduler.add_job(self._resume, args=[schedule.name], id=f"{schedule.name} at the start")
        self._scheduler.add_job(self._look, "interval", seconds=self._every.total_seconds(), id=_LOOKING)
        self._scheduler.start()

    def stop(self) -> None:
        """Begin nothing more, and return when what is under way has ended."""
        self._scheduler.shutdown(wait=True)

    def _know(self, schedule: Schedule) -> None:
        self._known[schedule.name] = schedule
        self._scheduler.add_job(
            self._attend,
            ScheduleTrigger(calendar_of(schedule)),
            args=[schedule.name],
            id=schedule.name,
            replace_existing=True,
        )

    def _look(self) -> None:
        """Heed what was added and removed, and what nobody attends to."""
        now = {schedule.name: schedule for schedule in self._schedules()}
        for name in self._known.keys() - now.keys():
            del self._known[name]
            self._scheduler.remove_job(name)
        for name, schedule in now.items():
            if self._known.get(name) != schedule:
                self._know(schedule)
            if self._is_wanted(schedule):
                self._scheduler.add_job(self._attend, args=[name], id=f"{name} now", replace_existing=True)

    def _heard(self, event: JobExecutionEvent) -> None:
        self._failed(event.exception)


def is_of_the_operator(error: BaseException) -> bool:
    """Tell whether a service may go on after an error: a store that is locked is free again, a fault of ours stays."""
    return isinstance(error, AuditorError)
