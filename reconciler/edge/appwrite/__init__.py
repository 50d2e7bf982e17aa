"""The client of an Appwrite server's key routes: the `KeyStore` port over HTTP."""

from reconciler.edge.appwrite.http import open_http
from reconciler.edge.appwrite.keys import AppwriteKeys
from reconciler.edge.appwrite.server import Server

__all__ = ["AppwriteKeys", "Server", "open_http"]
