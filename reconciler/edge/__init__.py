"""The outside: files, HTTP, Appwrite, credentials. Every foreign exception is translated here."""
