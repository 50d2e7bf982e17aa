"""The client of an Appwrite server's key routes: the `KeyStore` port over HTTP."""

from reconciler.edge.appwrite.http import open_http
from reconciler.edge.appwrite.keys import AppwriteKeys

__all__ = ["AppwriteKeys", "open_http"]
