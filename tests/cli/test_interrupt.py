"""Ctrl-C is acted on whatever the main thread does, and whichever thread the kernel hands it to."""

import subprocess
import sys
import textwrap


def ends(body: str) -> tuple[int, str]:
    """Run a program in which ``interrupt()`` sends a Ctrl-C to a thread that is not the main one."""
    program = """
        import os, signal, threading, time
        from auditor.cli.interrupt import on_interrupt

        def interrupt():
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)

        asked = threading.Event()
    """
    words = [sys.executable, "-c", textwrap.dedent(program) + textwrap.dedent(body)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def test_the_first_is_told_and_the_main_thread_goes_on() -> None:
    code, said = ends("""
        with on_interrupt(asked.set, "again ends at once"):
            threading.Thread(target=interrupt).start()
            asked.wait()
            time.sleep(0.01)
        raise SystemExit(7)
    """)
    assert (code, said) == (7, "again ends at once\n")


def test_the_second_ends_a_process_whose_main_thread_waits_for_a_lock() -> None:
    code, said = ends("""
        def twice():
            interrupt()
            asked.wait()
            interrupt()

        with on_interrupt(asked.set, "again ends at once"):
            threading.Thread(target=twice).start()
            threading.Event().wait()
    """)
    assert (code, said) == (130, "again ends at once\n\n")


def test_what_was_there_before_is_there_after() -> None:
    code, said = ends("""
        with on_interrupt(asked.set, None):
            pass
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert signal.set_wakeup_fd(-1) == -1
        assert threading.active_count() == 1
        raise SystemExit(7)
    """)
    assert (code, said) == (7, "")


def test_other_signals_are_not_taken_for_one() -> None:
    code, said = ends("""
        signal.signal(signal.SIGUSR1, lambda *_: asked.set())
        with on_interrupt(lambda: os._exit(1), "interrupted"):
            os.kill(os.getpid(), signal.SIGUSR1)
            asked.wait()
            time.sleep(0.01)
        raise SystemExit(7)
    """)
    assert (code, said) == (7, "")
