"""What operations answer as JSON. Generated from packages/protocol/src/contract/contract.ts by scripts/reference.ts: do not edit."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class KvPutExplainAnsweredItem(TypedDict):
    peerId: str
    ms: float
    result: str


class KvPutExplain(TypedDict):
    slot: int
    replicas: list[str]
    asked: list[str]
    answered: list[KvPutExplainAnsweredItem]


class KvPutReceiptStatementsItem(TypedDict):
    peerId: str
    at: int
    size: int
    index: int
    path: dict[str, Any]
    signature: dict[str, Any]


class KvPutReceipt(TypedDict):
    systemId: str
    epoch: int
    header: dict[str, Any]
    state: NotRequired[dict[str, Any]]
    statements: list[KvPutReceiptStatementsItem]


class KvPut(TypedDict):
    key: str
    version: str
    replicas: list[str]
    durable: int
    previous: NotRequired[str | None]
    explain: NotRequired[KvPutExplain]
    receipt: NotRequired[KvPutReceipt]


class KvDeleteExplainAnsweredItem(TypedDict):
    peerId: str
    ms: float
    result: str


class KvDeleteExplain(TypedDict):
    slot: int
    replicas: list[str]
    asked: list[str]
    answered: list[KvDeleteExplainAnsweredItem]


class KvDeleteReceiptStatementsItem(TypedDict):
    peerId: str
    at: int
    size: int
    index: int
    path: dict[str, Any]
    signature: dict[str, Any]


class KvDeleteReceipt(TypedDict):
    systemId: str
    epoch: int
    header: dict[str, Any]
    state: NotRequired[dict[str, Any]]
    statements: list[KvDeleteReceiptStatementsItem]


class KvDelete(TypedDict):
    key: str
    version: str
    replicas: list[str]
    durable: int
    previous: NotRequired[str | None]
    explain: NotRequired[KvDeleteExplain]
    receipt: NotRequired[KvDeleteReceipt]
    existed: bool


class KvList(TypedDict):
    keys: list[str]
    cursor: str | None
    missingSlots: NotRequired[list[int]]


class KvAttestReceiptStatementsItem(TypedDict):
    peerId: str
    at: int
    size: int
    index: int
    path: dict[str, Any]
    signature: dict[str, Any]


class KvAttestReceipt(TypedDict):
    systemId: str
    epoch: int
    header: dict[str, Any]
    state: NotRequired[dict[str, Any]]
    statements: list[KvAttestReceiptStatementsItem]


class KvAttest(TypedDict):
    key: str
    version: str
    value: dict[str, Any]
    expiresAt: NotRequired[str]
    receipt: KvAttestReceipt


class KvLock(TypedDict):
    held: bool
    token: int | None


class KvRenewLock(TypedDict):
    held: bool


class KvUnlock(TypedDict):
    released: bool


class PubsubPublishReceiptStatementsItem(TypedDict):
    peerId: str
    at: int
    clients: int
    signature: dict[str, Any]


class PubsubPublishReceipt(TypedDict):
    systemId: str
    delivery: dict[str, Any]
    statements: list[PubsubPublishReceiptStatementsItem]


class PubsubPublish(TypedDict):
    id: str
    subscribers: int
    clients: int
    receipt: NotRequired[PubsubPublishReceipt]


class PubsubTopicsTopicsItem(TypedDict):
    pattern: str
    nodes: int


class PubsubTopics(TypedDict):
    topics: list[PubsubTopicsTopicsItem]


class PubsubPresenceNodesItem(TypedDict):
    peerId: str
    clients: int


class PubsubPresence(TypedDict):
    topic: str
    nodes: list[PubsubPresenceNodesItem]


class TopicsAppend(TypedDict):
    topic: str
    sequence: int
    token: int
    subscribers: int


class TopicsReplayMessagesItem(TypedDict):
    sequence: int
    publisher: str
    at: str
    data: dict[str, Any]


class TopicsReplay(TypedDict):
    messages: list[TopicsReplayMessagesItem]
    next: int | None
    gone: int


class TopicsStateRetention(TypedDict):
    ageMs: int
    messages: int
    bytes: int


class TopicsState(TypedDict):
    topic: str
    holder: str | None
    retention: TopicsStateRetention
    first: int
    next: int
    bytes: int


class TopicsRetainRetention(TypedDict):
    ageMs: int
    messages: int
    bytes: int


class TopicsRetain(TypedDict):
    topic: str
    holder: str | None
    retention: TopicsRetainRetention
    first: int
    next: int
    bytes: int


class TopicsAcknowledge(TypedDict):
    acknowledged: int


class AppsListAppsItemQuotas(TypedDict):
    requests: NotRequired[int]
    messages: NotRequired[int]
    storedBytes: NotRequired[int]
    databases: NotRequired[int]


class AppsListAppsItem(TypedDict):
    app: str
    state: Literal["active", "suspended", "deleting"]
    createdAt: str
    quotas: AppsListAppsItemQuotas
    tokens: int


class AppsList(TypedDict):
    apps: list[AppsListAppsItem]


class AppsPutAppQuotas(TypedDict):
    requests: NotRequired[int]
    messages: NotRequired[int]
    storedBytes: NotRequired[int]
    databases: NotRequired[int]


class AppsPutApp(TypedDict):
    app: str
    state: Literal["active", "suspended", "deleting"]
    createdAt: str
    quotas: AppsPutAppQuotas
    tokens: int


class AppsPut(TypedDict):
    created: bool
    app: AppsPutApp


class AppsGetQuotas(TypedDict):
    requests: NotRequired[int]
    messages: NotRequired[int]
    storedBytes: NotRequired[int]
    databases: NotRequired[int]


class AppsGet(TypedDict):
    app: str
    state: Literal["active", "suspended", "deleting"]
    createdAt: str
    quotas: AppsGetQuotas
    tokens: int


class AppsSuspendQuotas(TypedDict):
    requests: NotRequired[int]
    messages: NotRequired[int]
    storedBytes: NotRequired[int]
    databases: NotRequired[int]


class AppsSuspend(TypedDict):
    app: str
    state: Literal["active", "suspended", "deleting"]
    createdAt: str
    quotas: AppsSuspendQuotas
    tokens: int


class AppsResumeQuotas(TypedDict):
    requests: NotRequired[int]
    messages: NotRequired[int]
    storedBytes: NotRequired[int]
    databases: NotRequired[int]


class AppsResume(TypedDict):
    app: str
    state: Literal["active", "suspended", "deleting"]
    createdAt: str
    quotas: AppsResumeQuotas
    tokens: int


class AppsDelete(TypedDict):
    existed: bool
    deleted: dict[str, int]


class AppsListTokensTokensItem(TypedDict):
    id: str
    label: str
    grants: list[str]
    createdAt: str
    expiresAt: str | None


class AppsListTokens(TypedDict):
    tokens: list[AppsListTokensTokensItem]


class AppsCreateToken(TypedDict):
    id: str
    label: str
    grants: list[str]
    createdAt: str
    expiresAt: str | None
    token: str


class AppsRotateToken(TypedDict):
    id: str
    label: str
    grants: list[str]
    createdAt: str
    expiresAt: str | None
    token: str


class AppsRevokeToken(TypedDict):
    existed: bool


class AppsUsage(TypedDict):
    app: str
    requests: int
    refused: int
    messages: int
    storedBytes: int | None
    nodes: int
    missing: list[str]


class AppsWhoamiToken(TypedDict):
    id: str
    label: str
    grants: list[str]
    createdAt: str
    expiresAt: str | None


class AppsWhoami(TypedDict):
    app: str
    grants: list[str]
    token: AppsWhoamiToken | None


class AppsAuditEntriesItem(TypedDict):
    at: str
    node: str
    actor: str
    app: str
    operation: str
    target: str
    outcome: str


class AppsAudit(TypedDict):
    entries: list[AppsAuditEntriesItem]


class SqlCreateBackup(TypedDict):
    everyMs: int
    keep: int


class SqlCreate(TypedDict):
    name: str
    engine: Literal["sqlite", "rqlite"]
    holders: list[str]
    createdAt: str
    readers: NotRequired[int]
    backup: NotRequired[SqlCreateBackup]
    created: bool


class SqlDrop(TypedDict):
    existed: bool


class SqlListDatabasesItemBackup(TypedDict):
    everyMs: int
    keep: int


class SqlListDatabasesItem(TypedDict):
    name: str
    engine: Literal["sqlite", "rqlite"]
    holders: list[str]
    createdAt: str
    readers: NotRequired[int]
    backup: NotRequired[SqlListDatabasesItemBackup]


class SqlList(TypedDict):
    databases: list[SqlListDatabasesItem]


class SqlQuery(TypedDict):
    columns: list[str]
    rows: Any


class SqlExecuteReturned(TypedDict):
    columns: list[str]
    rows: Any


class SqlExecute(TypedDict):
    changes: int
    lastInsertId: Any
    returned: NotRequired[SqlExecuteReturned]
    deferred: NotRequired[Literal[True]]


class SqlTransactionResultsItemReturned(TypedDict):
    columns: list[str]
    rows: Any


class SqlTransactionResultsItem(TypedDict):
    changes: int
    lastInsertId: Any
    returned: NotRequired[SqlTransactionResultsItemReturned]
    deferred: NotRequired[Literal[True]]


class SqlTransaction(TypedDict):
    results: list[SqlTransactionResultsItem]


class SqlSchemaTablesItemColumnsItem(TypedDict):
    name: str
    type: str
    notNull: bool
    primaryKey: int
    default: str | None


class SqlSchemaTablesItemIndexesItem(TypedDict):
    name: str
    sql: str | None


class SqlSchemaTablesItem(TypedDict):
    name: str
    kind: Literal["table", "view"]
    columns: list[SqlSchemaTablesItemColumnsItem]
    indexes: list[SqlSchemaTablesItemIndexesItem]
    sql: str | None


class SqlSchema(TypedDict):
    tables: list[SqlSchemaTablesItem]


class SqlStatusDatabaseBackup(TypedDict):
    everyMs: int
    keep: int


class SqlStatusDatabase(TypedDict):
    name: str
    engine: Literal["sqlite", "rqlite"]
    holders: list[str]
    createdAt: str
    readers: NotRequired[int]
    backup: NotRequired[SqlStatusDatabaseBackup]


class SqlStatusHoldersItemBackups(TypedDict):
    count: int
    newest: str


class SqlStatusHoldersItem(TypedDict):
    peerId: str
    reachable: bool
    role: Literal["holder", "leader", "follower", "candidate", "reader", "unknown"]
    engineVersion: str | None
    index: int | None
    bytes: int | None
    problem: str | None
    backups: NotRequired[SqlStatusHoldersItemBackups]


class SqlStatus(TypedDict):
    database: SqlStatusDatabase
    holders: list[SqlStatusHoldersItem]


class SqlAdjustBackup(TypedDict):
    everyMs: int
    keep: int


class SqlAdjust(TypedDict):
    name: str
    engine: Literal["sqlite", "rqlite"]
    holders: list[str]
    createdAt: str
    readers: NotRequired[int]
    backup: NotRequired[SqlAdjustBackup]


class SqlMoveBackup(TypedDict):
    everyMs: int
    keep: int


class SqlMove(TypedDict):
    name: str
    engine: Literal["sqlite", "rqlite"]
    holders: list[str]
    createdAt: str
    readers: NotRequired[int]
    backup: NotRequired[SqlMoveBackup]
    moved: bool


class SqlRecover(TypedDict):
    survivor: str
    index: int


class SqlMigrate(TypedDict):
    applied: list[int]
    version: int


class SqlRestore(TypedDict):
    bytes: int


class SqlBegin(TypedDict):
    transaction: str
    expiresInMs: int


class SqlStepReturned(TypedDict):
    columns: list[str]
    rows: Any


class SqlStep(TypedDict):
    changes: int
    lastInsertId: Any
    returned: NotRequired[SqlStepReturned]
    deferred: NotRequired[Literal[True]]


class SqlCommitResultsItemReturned(TypedDict):
    columns: list[str]
    rows: Any


class SqlCommitResultsItem(TypedDict):
    changes: int
    lastInsertId: Any
    returned: NotRequired[SqlCommitResultsItemReturned]
    deferred: NotRequired[Literal[True]]


class SqlCommit(TypedDict):
    committed: Literal[True]
    results: NotRequired[list[SqlCommitResultsItem]]


class SqlRollback(TypedDict):
    committed: Literal[False]


class RendezvousRegister(TypedDict):
    namespace: str
    name: str
    expiresAt: str
    members: int
    nodes: int


class RendezvousWithdraw(TypedDict):
    existed: bool


class RendezvousDiscoverRegistrationsItem(TypedDict):
    name: str
    addresses: list[str]
    data: NotRequired[dict[str, Any]]
    by: str
    expiresAt: str


class RendezvousDiscover(TypedDict):
    registrations: list[RendezvousDiscoverRegistrationsItem]
    more: bool


class NetworkStatusReachPortMapping(TypedDict):
    state: Literal["off", "idle", "none", "mapped", "failed"]
    router: NotRequired[str]
    addresses: list[str]
    reason: NotRequired[str]


class NetworkStatusReach(TypedDict):
    view: Literal["public", "private", "unknown"]
    relays: list[str]
    portMapping: NetworkStatusReachPortMapping


class NetworkStatus(TypedDict):
    systemId: str
    peerId: str
    name: str | None
    state: Literal["unconfigured", "degraded", "healthy"]
    reason: NotRequired[str]
    epoch: int
    members: int
    online: int
    connected: int
    version: str
    startedAt: str
    uptimeMs: int
    clockOffsetMs: float
    addresses: list[str]
    reach: NotRequired[NetworkStatusReach]


class NetworkPeersPeersItemDisk(TypedDict):
    usedBytes: int
    freeBytes: int


class NetworkPeersPeersItem(TypedDict):
    peerId: str
    name: str | None
    member: bool
    self: bool
    reachability: Literal["online", "suspect", "offline"]
    state: Literal["unconfigured", "degraded", "healthy"] | None
    heardAt: str | None
    seenMsAgo: NotRequired[int]
    observer: NotRequired[str]
    incarnation: NotRequired[int]
    seq: NotRequired[int]
    connected: bool
    roundTripMs: float | None
    transport: NotRequired[str]
    encryption: NotRequired[str]
    direction: NotRequired[Literal["inbound", "outbound"]]
    relayed: NotRequired[bool]
    addresses: list[str]
    version: NotRequired[str]
    epoch: NotRequired[int]
    load: NotRequired[float]
    disk: NotRequired[NetworkPeersPeersItemDisk]
    tier: NotRequired[int]
    capabilities: NotRequired[list[str]]
    zone: NotRequired[str]
    draining: NotRequired[bool]


class NetworkPeers(TypedDict):
    peers: list[NetworkPeersPeersItem]
    asked: NotRequired[int]
    answered: NotRequired[int]


class NetworkConnect(TypedDict):
    peerId: str
    member: bool
    address: str
    transport: str
    encryption: str


class NetworkDisconnect(TypedDict):
    peerId: str
    closed: int
    heldUntil: str | None


class NetworkInvite(TypedDict):
    text: str
    systemId: str
    epoch: int
    addresses: list[str]


class MembersListMembersItem(TypedDict):
    peerId: str
    name: str
    tier: int
    capabilities: list[str]
    zone: str
    draining: bool
    notAfter: NotRequired[str]
    addresses: list[str]


class MembersList(TypedDict):
    systemId: str
    epoch: int
    hash: str
    issuedAt: str | None
    issuerPeerId: str | None
    members: list[MembersListMembersItem]


class MembersPush(TypedDict):
    result: Literal["applied", "stale"]
    epoch: int
    hash: str
    held: NotRequired[int]
    members: NotRequired[int]


class MembersSubmit(TypedDict):
    result: Literal["applied", "stale"]
    epoch: int
    hash: str
    held: NotRequired[int]
    members: NotRequired[int]


class MembersDocumentsDocumentsItem(TypedDict):
    hash: str
    epoch: int
    bytes: str


class MembersDocuments(TypedDict):
    documents: list[MembersDocumentsDocumentsItem]
    cursor: str | None


class MembersOffer(TypedDict):
    result: Literal["applied", "stale", "refused"]
    code: NotRequired[str]
    reason: NotRequired[str]
    epoch: int
    hash: str


class MembersLoss(TypedDict):
    slots: int
    records: int
    emptySlots: int
    unknownSlots: int
    heldSlots: NotRequired[int]


class MembersAcceptLoss(TypedDict):
    before: Literal["unproven", "voter", "learner"]


class MembersRootProof(TypedDict):
    serial: str
    adminPeerId: str
    validTo: str


class MembersRootConflictsItem(TypedDict):
    parent: str
    loser: str
    epoch: int
    refused: list[str]


class MembersRoot(TypedDict):
    systemId: str
    name: str
    documents: list[str]
    keysVersion: int
    keys: list[str]
    threshold: int
    fork: str | None
    revocations: int
    proof: MembersRootProof | None
    conflicts: list[MembersRootConflictsItem]


class MembersAudit(TypedDict):
    entries: list[dict[str, Any]]


class HealthReadChecksItem(TypedDict):
    name: str
    status: Literal["ok", "degraded", "failing"]
    detail: str


class HealthRead(TypedDict):
    status: Literal["ok", "degraded", "failing"]
    checks: list[HealthReadChecksItem]


class ConfigReload(TypedDict):
    applied: list[str]
    needsRestart: list[str]


class UpdateStatusRollout(TypedDict):
    version: str
    channel: str
    expires: str
    state: Literal["rolling", "paused", "finalized"]
    reason: str | None


class UpdateStatusNodesItem(TypedDict):
    peerId: str
    name: str | None
    version: str | None


class UpdateStatus(TypedDict):
    running: str
    platform: str
    unsupported: str | None
    finalized: str | None
    rollout: UpdateStatusRollout | None
    waiting: str | None
    nodes: list[UpdateStatusNodesItem]


class UpdateCheck(TypedDict):
    version: str
    channel: str
    expires: str
    isNewer: bool


class UpdateApplyRollout(TypedDict):
    version: str
    channel: str
    expires: str
    state: Literal["rolling", "paused", "finalized"]
    reason: str | None


class UpdateApplyNodesItem(TypedDict):
    peerId: str
    name: str | None
    version: str | None


class UpdateApply(TypedDict):
    running: str
    platform: str
    unsupported: str | None
    finalized: str | None
    rollout: UpdateApplyRollout | None
    waiting: str | None
    nodes: list[UpdateApplyNodesItem]


class UpdatePauseRollout(TypedDict):
    version: str
    channel: str
    expires: str
    state: Literal["rolling", "paused", "finalized"]
    reason: str | None


class UpdatePauseNodesItem(TypedDict):
    peerId: str
    name: str | None
    version: str | None


class UpdatePause(TypedDict):
    running: str
    platform: str
    unsupported: str | None
    finalized: str | None
    rollout: UpdatePauseRollout | None
    waiting: str | None
    nodes: list[UpdatePauseNodesItem]


class UpdateFinalizeRollout(TypedDict):
    version: str
    channel: str
    expires: str
    state: Literal["rolling", "paused", "finalized"]
    reason: str | None


class UpdateFinalizeNodesItem(TypedDict):
    peerId: str
    name: str | None
    version: str | None


class UpdateFinalize(TypedDict):
    running: str
    platform: str
    unsupported: str | None
    finalized: str | None
    rollout: UpdateFinalizeRollout | None
    waiting: str | None
    nodes: list[UpdateFinalizeNodesItem]
