"""The client of an Appwrite server: the `KeyStore` port over its key routes, and the login to its console."""

from reconciler.edge.appwrite.http import open_http
from reconciler.edge.appwrite.keys import AppwriteKeys
from reconciler.edge.appwrite.login import Console
from reconciler.edge.appwrite.server import Server

__all__ = ["AppwriteKeys", "Console", "Server", "open_http"]
