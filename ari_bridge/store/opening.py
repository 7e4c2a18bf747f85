"""A store by its URL."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from ari_bridge.accounts import AccountStore
from ari_bridge.errors import ConfigError
from ari_bridge.settings import RecordingSettings, StoreSettings
from ari_bridge.store.recordings import FolderOfRecordings
from ari_bridge.store.repository import Fault, Store, StoreError
from ari_bridge.store.retention import Keeping
from ari_bridge.store.sql_accounts import SqlAccounts
from ari_bridge.store.sql_store import Database
from ari_bridge.store.sqlite_file import prepare_file

_NO_DRIVER = "PostgreSQL needs its driver: pip install 'ari-bridge[postgresql]'"
_POSTGRESQL = "e.g. ARI_BRIDGE_STORE__URL='postgresql://ari_bridge:…@127.0.0.1/ari_bridge'"
_EXAMPLE = "ARI_BRIDGE_STORE__URL='sqlite:///var/ari-bridge.db'"
_HOPELESS = (Fault.FORBIDDEN, Fault.DAMAGED)


def recordings_folder(store: StoreSettings, recording: RecordingSettings) -> Path:
    """As it is set, or beside the SQLite file."""
    if recording.folder is not None:
        return recording.folder
    file = database_file(store.url)
    return (file.parent if file is not None else Path("var")) / "recordings"


def open_recordings(store: StoreSettings, recording: RecordingSettings) -> FolderOfRecordings:
    """Where recordings lie, also earlier ones. Raises `ConfigError` where calls are to be recorded and cannot be."""
    folder = recordings_folder(store, recording)
    recordings = FolderOfRecordings(folder)
    if recording.enabled:
        try:
            recordings.make()
        except OSError as error:
            recordings.close()
            example = "e.g. ARI_BRIDGE_RECORDING__FOLDER='/var/lib/ari-bridge/recordings'"
            raise ConfigError(f"recording.folder: {folder}: {error.strerror}, {example}") from None
    return recordings


def open_store(
    settings: StoreSettings, recordings: FolderOfRecordings | None = None, recording_days: int = 90
) -> Store:
    """The store that `settings.url` names: `sqlite:///relative/path`, `sqlite:////absolute/path`, `postgresql://…`.

    `recordings` are deleted together with their calls. Folders are made. Raises `ConfigError` with one line where it
    can never work; a store that is only busy or full for the moment is opened all the same.
    """
    keeping = Keeping(
        calls=settings.calls_days,
        speech=settings.speech_days,
        hints=settings.hints_days,
        incidents=settings.incidents_days,
        costs=settings.costs_days,
        recordings=recording_days,
    )
    url = urlsplit(settings.url)
    if url.scheme == "sqlite":
        from ari_bridge.store.sqlite import open_sqlite

        return open_sqlite(sqlite_path(settings.url), keeping, recordings)
    return _open_postgres(settings.url, keeping, recordings)


def open_accounts(settings: StoreSettings, *, patient: bool = False) -> AccountStore:
    """Users, in the same database. Raises `ConfigError` where they cannot be read: nobody is let in on a guess.

    `patient`: a database that is only away, busy or slow for the moment is opened all the same; ask it again later.
    """
    accounts = SqlAccounts(_database(settings.url))
    try:
        accounts.connect()
    except StoreError as error:
        if not patient or error.fault in _HOPELESS:
            accounts.shut()
            example = f"e.g. {_EXAMPLE}" if urlsplit(settings.url).scheme == "sqlite" else _POSTGRESQL
            raise ConfigError(f"store.url: users cannot be read: {error}, {example}") from None
    return accounts


def _database(url: str) -> Database:
    if urlsplit(url).scheme == "sqlite":
        from ari_bridge.store.sqlite import SqliteDatabase

        path = sqlite_path(url)
        try:
            prepare_file(path)
        except OSError as error:
            raise ConfigError(f"store.url: {path}: {error.strerror}, e.g. {_EXAMPLE}") from None
        return SqliteDatabase(path)
    try:
        from ari_bridge.store.postgres import PostgresDatabase
    except ImportError:
        raise ConfigError(f"store.url: {_NO_DRIVER}") from None
    return PostgresDatabase(url)


def _open_postgres(url: str, keeping: Keeping, recordings: FolderOfRecordings | None) -> Store:
    try:
        from ari_bridge.store.postgres import PostgresDatabase
    except ImportError:
        raise ConfigError(f"store.url: {_NO_DRIVER}") from None
    from ari_bridge.store.sql_store import SqlStore

    store = SqlStore(PostgresDatabase(url), keeping, recordings)
    try:
        store.connect()
    except StoreError as error:
        if error.fault in _HOPELESS:
            store.shut()
            raise ConfigError(f"store.url: {store.place}: {error}; {_POSTGRESQL}") from None
    return store


def database_file(url: str) -> Path | None:
    """The file that holds the data, None where a server does."""
    return sqlite_path(url) if urlsplit(url).scheme == "sqlite" else None


def sqlite_path(url: str) -> Path:
    """`sqlite:///var/x.db` → `var/x.db`; `sqlite:////var/x.db` → `/var/x.db`. Raises `ConfigError` for other shapes."""
    parts = urlsplit(url)
    path = unquote(parts.path).removeprefix("/")
    if parts.netloc or parts.query or not path or path.endswith("/") or path == ":memory:":
        raise ConfigError(f"store.url: must name a file (was {url!r}), e.g. ARI_BRIDGE_STORE__URL='sqlite:///var/x.db'")
    return Path(path)
