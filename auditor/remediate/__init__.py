"""Remediation: a plan that people read and approve, applied through Ansible, proven by new evidence."""
