"""Writes the pages of docs/reference that say again what schemas and commands say: `make pages`."""

from docs.generate.pages import pages


def main() -> None:
    """Write each page where it belongs."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
