"""
The Python client of P2POS, sync and asyncio.

Promises: every failure is a P2posError with a code; a call ends by its deadline; what is repeated after a lost answer is
only what may be: reads, and writes under an idempotency key, which it sets by itself. Other nodes know that key for
``kv.cas`` and ``sql``; a plain key is written anew there (``repeat`` of ``put`` and ``delete`` forbids it).

::

    with p2pos.connect(url=["http://127.0.0.1:4180", "http://127.0.0.1:4181"], token=token) as client:
        client.kv.put("greeting", "hello", ttl_ms=60_000)
        entry = client.kv.get("greeting")
        entry.text()  # 'hello'
"""

from .apps import Apps, AsyncApps
from .cas import AsyncCas, Cas
from .client import AsyncClient, Client, connect, connect_async
from .delivery import DeliveredMessage, VerifiedDelivery, verify_delivery
from .errors import ERRORS, ErrorEntry
from .failure import P2posError, RemoteError
from .kv import AsyncKv, Kv
from .kv_answers import KvDeletion, KvEntry, KvHead, KvPage, KvReceipt
from .lock import AsyncLock, Lock
from .members import AsyncMembers, Members
from .order import Gap, Message
from .pubsub import AsyncPubsub, Missed, Opened, PublishReceipt, Pubsub, PubsubEvent
from .receipt import ReceiptRecord, VerifiedReceipt, verify_receipt
from .rendezvous import AsyncRendezvous, Discovered, Registration, Rendezvous
from .sql import AsyncDatabase, AsyncSql, Database, Sql
from .sql_answers import LiveChange, LiveEvent, LiveRows, SqlResult, SqlRowSet
from .sql_transaction import AsyncTransaction, Transaction
from .stream import AsyncStream, Stream
from .topics import AsyncTopics, TopicEvent, TopicGap, TopicMessage, TopicOpened, Topics
from .watch import Change, Compacted, Synced, WatchEvent

__all__ = [
    "ERRORS",
    "Apps",
    "AsyncApps",
    "AsyncCas",
    "AsyncClient",
    "AsyncDatabase",
    "AsyncKv",
    "AsyncLock",
    "AsyncMembers",
    "AsyncPubsub",
    "AsyncRendezvous",
    "AsyncSql",
    "AsyncStream",
    "AsyncTopics",
    "AsyncTransaction",
    "Cas",
    "Change",
    "Client",
    "Compacted",
    "Database",
    "DeliveredMessage",
    "Discovered",
    "ErrorEntry",
    "Gap",
    "Kv",
    "KvDeletion",
    "KvEntry",
    "KvHead",
    "KvPage",
    "KvReceipt",
    "LiveChange",
    "LiveEvent",
    "LiveRows",
    "Lock",
    "Members",
    "Message",
    "Missed",
    "Opened",
    "P2posError",
    "PublishReceipt",
    "Pubsub",
    "PubsubEvent",
    "ReceiptRecord",
    "Registration",
    "RemoteError",
    "Rendezvous",
    "Sql",
    "SqlResult",
    "SqlRowSet",
    "Stream",
    "Synced",
    "TopicEvent",
    "TopicGap",
    "TopicMessage",
    "TopicOpened",
    "Topics",
    "Transaction",
    "VerifiedDelivery",
    "VerifiedReceipt",
    "WatchEvent",
    "connect",
    "connect_async",
    "verify_delivery",
    "verify_receipt",
]
