"""Events that are expected for a while: whose, by what they are known, who answers for it, until when."""

from datetime import date

from auditor.model.record import Record


class Suppression(Record, kw_only=True):
    """One suppression: all the patterns that it gives must hold.

    They are compared in any case, and ``*`` stands for any characters.
    """

    id: str
    """Its name."""
    product: str
    """Catalogue id of the product whose events these are."""
    process: str | None = None
    """Path or name of the program; None for any."""
    parent_process: str | None = None
    """Path or name of the program that started it; None for any."""
    command_line: str | None = None
    """Command line of the program; None for any."""
    scheduled_task: str | None = None
    """Name of the task that started it; ``*`` is any task; None where that does not matter."""
    devices: tuple[str, ...] = ()
    """Devices; none for any."""
    reason: str
    """Why these are expected."""
    owner: str
    """Who answers for it."""
    end: date
    """Last day on which it holds, UTC."""

    def is_ended(self, day: date) -> bool:
        """Tell whether it holds no more on a day."""
        return day > self.end
