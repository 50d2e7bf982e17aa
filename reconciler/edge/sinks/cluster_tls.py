"""Whose certificates are trusted when a Kubernetes cluster answers, and which one is shown to it."""

from __future__ import annotations

import ssl
import tempfile

from reconciler.core.secret import Secret


def trusting(cafile: str | None = None, cadata: str | None = None) -> ssl.SSLContext:
    """Trusts a cluster's own authority, or the machine's where it names none, as strictly as Go does: what a cluster
    makes for itself often lacks what newer Pythons ask for.
    """
    context = ssl.create_default_context(cafile=cafile, cadata=cadata)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def insecure() -> ssl.SSLContext:
    """Trusts anybody, because the kubeconfig says so."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def present(tls: ssl.SSLContext, certificate: Secret, key: Secret | None) -> None:
    """Show a certificate; the library takes one from a file only, which is gone again before this returns."""
    with tempfile.NamedTemporaryFile("w", encoding="latin-1", suffix=".pem") as file:  # mode 0600
        file.write(f"{certificate.reveal()}\n{key.reveal() if key else ''}")
        file.flush()
        tls.load_cert_chain(file.name, password=lambda: "")
