"""Where the passwords of Ansible Vault come from: files and scripts by name, never the passwords themselves."""

from collections.abc import Iterator

from auditor.model.record import Record


class VaultSources(Record, kw_only=True):
    """What Ansible is told beside its own configuration (``ANSIBLE_VAULT_PASSWORD_FILE``, ``ansible.cfg``)."""

    password_files: tuple[str, ...] = ()
    """Files that hold a password, or scripts that print one."""
    ids: tuple[str, ...] = ()
    """Vault ids as ``label@file``."""

    def arguments(self) -> Iterator[str]:
        """Yield the arguments of Ansible's programs."""
        for file in self.password_files:
            yield f"--vault-password-file={file}"
        for one in self.ids:
            yield f"--vault-id={one}"


NO_VAULT = VaultSources()
"""Nothing beside what Ansible's own configuration says."""
