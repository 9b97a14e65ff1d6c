"""The one error table. Generated from packages/protocol/src/errors/errors.ts by scripts/reference.ts: do not edit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class ErrorEntry(NamedTuple):
    #: HTTP status.
    status: int
    #: Whether the same call may succeed later without a change by the caller.
    retry: bool
    #: What happened and what to do; ``{name}`` is filled from the error's details.
    text: str


ERRORS: Final[Mapping[str, ErrorEntry]] = {
    "ADDRESS_INVALID": ErrorEntry(
        400,
        False,
        "Not an address that this node can dial: {address}: {reason}. It looks like /ip4/192.0.2.1/tcp/4100/p2p/12D3KooW…; p2pctl peers --json shows those that are known.",
    ),
    "ADMIN_BUNDLE_INVALID": ErrorEntry(
        400,
        False,
        "This is no admin bundle: {reason}. It begins with p2pos-admin:// and is one text without blanks; ask whoever made it for another copy.",
    ),
    "ADMISSION_UNSUPPORTED": ErrorEntry(
        400,
        False,
        "The genesis founds a system with admission {admission}, which this release cannot keep. Found it with admission closed, or run a release that has open systems.",
    ),
    "ANSWER_UNEXPECTED": ErrorEntry(
        502,
        False,
        "What answers at {url} is no P2POS node, or one of another version: {reason}.",
    ),
    "APP_CONFIRMATION_MISSING": ErrorEntry(
        400,
        False,
        "This deletes the app {app} with all its data for good. Confirm by its name: ?confirm={app}, or p2pctl apps delete {app} --confirm {app}",
    ),
    "APP_DELETING": ErrorEntry(
        409,
        True,
        "The app {app} is being deleted with its data. When that is done its name is free again.",
    ),
    "APP_NAME_INVALID": ErrorEntry(
        400,
        False,
        "The name of the app is refused: {reason}. A name is 1 to 63 of a–z, 0–9 and -, beginning and ending with a letter or digit.",
    ),
    "APP_NOT_FOUND": ErrorEntry(
        404,
        False,
        "There is no app {app}. p2pctl apps list shows those there are; p2pctl apps create {app} makes it.",
    ),
    "APP_PROTECTED": ErrorEntry(
        409,
        False,
        "The app {app} belongs to the operator: it can be neither suspended, deleted nor limited.",
    ),
    "APP_SUSPENDED": ErrorEntry(
        403,
        False,
        "The app {app} is suspended: its tokens are refused until the operator resumes it (p2pctl apps resume {app}).",
    ),
    "APP_TOKENS_FULL": ErrorEntry(
        409,
        False,
        "The app {app} has as many tokens as fit. Delete those that nobody uses: p2pctl apps tokens list {app}",
    ),
    "AUTH_REQUIRED": ErrorEntry(
        401,
        False,
        "This needs a token. Send \"authorization: Bearer <token>\"; the operator's token is in the file \"token\" of the node's home.",
    ),
    "AUTH_STALE": ErrorEntry(
        503,
        True,
        "This node has not been able to check the tokens of the app {app} for more than {boundMs} ms, so it takes none. Ask another node, or try again.",
    ),
    "AUTO_TLS_UNAVAILABLE": ErrorEntry(
        500,
        False,
        "net.auto_tls is on, and no certificate can be had: {reason}. Set it to auto to serve without one, or to off.",
    ),
    "BAD_REQUEST": ErrorEntry(
        400,
        False,
        "{reason}",
    ),
    "BODY_TOO_LARGE": ErrorEntry(
        413,
        False,
        "The body is larger than {maxBytes} bytes.",
    ),
    "CANCELLED": ErrorEntry(
        499,
        False,
        "The caller gave up before the answer was ready.",
    ),
    "CAS_CONDITION_FAILED": ErrorEntry(
        412,
        False,
        "The condition does not hold: what is there has the version {version}. Read it again and decide anew.",
    ),
    "CBOR_MALFORMED": ErrorEntry(
        400,
        False,
        "The CBOR body cannot be read: {reason}. Send one definite-length value with text keys, as RFC 8949 describes.",
    ),
    "CBOR_UNENCODABLE": ErrorEntry(
        500,
        False,
        "The value cannot be written as CBOR: it holds {reason}. Use null, booleans, 64-bit integers, floats, well-formed text, bytes, arrays and plain objects.",
    ),
    "CEREMONY_FILE_DAMAGED": ErrorEntry(
        400,
        False,
        "The {kind} was changed or damaged on its way: {reason}. Have it sent again.",
    ),
    "CEREMONY_FILE_EXISTS": ErrorEntry(
        409,
        False,
        "{file} is there already and is not replaced. Choose another place with --out.",
    ),
    "CEREMONY_FILE_KIND": ErrorEntry(
        400,
        False,
        "The file is {found}; a {expected} is needed here. p2pctl keys inspect FILE says what a file is.",
    ),
    "CEREMONY_KEY_ROLE": ErrorEntry(
        400,
        False,
        "The public key of {label} was made as {found} key, not as {expected} key. Make one of the right kind with p2pctl keys create --role {expected}.",
    ),
    "CEREMONY_KEY_TWICE": ErrorEntry(
        400,
        False,
        "The key {key} is named twice. Each key holder must have a key of their own.",
    ),
    "CEREMONY_KEY_UNASKED": ErrorEntry(
        403,
        False,
        "The key {key} is none of those that may sign this {kind}. Take the key file that belongs to this system (p2pctl keys inspect).",
    ),
    "CEREMONY_NOT_CONFIRMED": ErrorEntry(
        409,
        False,
        "Nothing was signed, since it was not confirmed. Read what is asked, then answer yes, or give --yes.",
    ),
    "CEREMONY_SHARES_MISSING": ErrorEntry(
        409,
        False,
        "{have} of the {need} signatures by the {set} keys are there. Still to be asked: {missing}.",
    ),
    "CEREMONY_SHARE_FOREIGN": ErrorEntry(
        409,
        False,
        "The share of key {key} is for another request ({found}, not {expected}). One of them was changed or mixed up: send the holder the right request.",
    ),
    "CEREMONY_SHARE_SIGNATURE": ErrorEntry(
        403,
        False,
        "The share of key {key} does not verify. Have it signed again.",
    ),
    "CEREMONY_SHARE_TWICE": ErrorEntry(
        409,
        False,
        "Two shares are of the key {key}; each holder counts once. Leave one out and ask another holder.",
    ),
    "CEREMONY_SYSTEM": ErrorEntry(
        409,
        False,
        "The request is for the system {found}, but {expected} was named. Do not sign it; ask who sent it.",
    ),
    "CEREMONY_UNPINNED": ErrorEntry(
        400,
        False,
        "Say which system you sign for with --system-id sys1… or --pinned FILE: a request could name any. This one names {systemId}.",
    ),
    "CLIENTS_NOT_SERVED": ErrorEntry(
        503,
        True,
        "This member serves no clients: no snapshot gives it the capability gateway. Ask a member that has it.",
    ),
    "CLIENT_CLOSED": ErrorEntry(
        499,
        False,
        "This client was closed. Make a new one with connect().",
    ),
    "COMMAND_USAGE": ErrorEntry(
        400,
        False,
        "{reason}",
    ),
    "CONFIG_INVALID": ErrorEntry(
        400,
        False,
        "{place}: {key} {reason}",
    ),
    "DEV_ALREADY_RUNNING": ErrorEntry(
        409,
        False,
        "A development system already runs in {home} (pid {pid}). Use it, end it with: p2pctl dev stop, or start another in a folder of its own with --home DIR --port N",
    ),
    "DEV_NODE_COUNT": ErrorEntry(
        409,
        False,
        "The system in {home} was founded with {founded} nodes, not {asked}. {advice}",
    ),
    "DEV_NODE_UNKNOWN": ErrorEntry(
        404,
        False,
        "The development system has no node {name}. p2pctl status shows its nodes.",
    ),
    "DEV_NOT_RUNNING": ErrorEntry(
        409,
        False,
        "No development system runs in {home}. Start it with: p2pctl dev",
    ),
    "DEV_PORT_BUSY": ErrorEntry(
        409,
        False,
        "Port {port} on 127.0.0.1, wanted by {name}, is held by {holder}. End that, or take other ports: p2pctl dev --port {suggestion}",
    ),
    "DHT_ALONE": ErrorEntry(
        503,
        True,
        "This node knows no other node of the distributed hash table yet. Connect it to a member and try again.",
    ),
    "DHT_FULL": ErrorEntry(
        429,
        True,
        "There is no room for the value: {reason}. Store less, or try again when older entries have ended.",
    ),
    "DHT_NOT_CLOSE": ErrorEntry(
        409,
        False,
        "This node knows many that are closer to the key, so it does not keep the value. Look the key up and ask those.",
    ),
    "DHT_NOT_STORED": ErrorEntry(
        503,
        True,
        "Only {stored} of {asked} nodes took the value. Try again; p2pctl peers shows which nodes are reachable.",
    ),
    "DHT_VALUE_REFUSED": ErrorEntry(
        400,
        False,
        "The value is refused: {reason}. A value lies under its own hash or is signed by its author.",
    ),
    "DNS_FAILED": ErrorEntry(
        502,
        True,
        "The TXT records of {name} cannot be looked up: {reason}. Look at discovery.dns_servers and discovery.dns_over_https, and ask for the same name with another program.",
    ),
    "DOCUMENT_MALFORMED": ErrorEntry(
        400,
        False,
        "The {kind} document is malformed: {reason}.",
    ),
    "DOCUMENT_SIGNATURE": ErrorEntry(
        403,
        False,
        "The {kind} document is not signed by those who may: {reason}.",
    ),
    "E2EE_BUNDLE_INVALID": ErrorEntry(
        400,
        False,
        "The keys for a first message are refused: {reason}. Get the keys of the other device anew.",
    ),
    "E2EE_KEY_INVALID": ErrorEntry(
        400,
        False,
        "A public key is refused: {reason}. Get the keys of the other device anew.",
    ),
    "E2EE_NOT_STARTED": ErrorEntry(
        409,
        False,
        "This session was opened by the other side: it can write only after it has read their first message.",
    ),
    "E2EE_UNREADABLE": ErrorEntry(
        400,
        False,
        "The message cannot be read: {reason}. The session goes on with the next one.",
    ),
    "FILE_UNREADABLE": ErrorEntry(
        400,
        False,
        "{file} cannot be read: {reason}.",
    ),
    "GENESIS_MISMATCH": ErrorEntry(
        409,
        False,
        "The genesis document is that of {found}, this node belongs to {expected}. Check the system id in node.toml or in the invitation.",
    ),
    "GENESIS_UNKNOWN": ErrorEntry(
        503,
        True,
        "This node does not know the genesis of {systemId} yet; it asks the nodes that it is connected to. Connect it to a member, or give it the genesis file.",
    ),
    "GRANT_MISSING": ErrorEntry(
        403,
        False,
        "The token lacks the grant {grant}. Ask the operator for a token that has it.",
    ),
    "GRANT_REFUSED": ErrorEntry(
        400,
        False,
        "A token of the app {app} cannot be granted {grant}: tenants get kv, pubsub, sql and rendezvous; the rest is for tokens of the app default.",
    ),
    "HEADERS_TOO_LARGE": ErrorEntry(
        431,
        False,
        "The request's headers are larger than {maxBytes} bytes.",
    ),
    "HOME_IN_USE": ErrorEntry(
        409,
        False,
        "The folder {folder} is in use by process {pid}. Stop that process, or choose another folder with --home.",
    ),
    "HOME_JOINED": ErrorEntry(
        409,
        False,
        "{home} belongs to {found} already, so it cannot join {asked}. Choose another folder with --home.",
    ),
    "HOME_UNUSABLE": ErrorEntry(
        400,
        False,
        "{home} cannot be used: {reason}.",
    ),
    "HOME_UNWRITABLE": ErrorEntry(
        500,
        False,
        "The folder {folder} cannot be used: {reason}. Give it to the user that runs the node, or choose another with --home.",
    ),
    "HOST_REFUSED": ErrorEntry(
        403,
        False,
        "Requests for the host {host} are refused, since a foreign page could send them. Use the address the node listens on, or add the name to http.allowed_hosts.",
    ),
    "IDEMPOTENCY_KEY_REUSED": ErrorEntry(
        409,
        False,
        "The idempotency key {idempotencyKey} was used before for another request. Use a new key for each new request.",
    ),
    "IDENTITY_DUPLICATE": ErrorEntry(
        503,
        False,
        "Another live process uses the key of node {peerId}, so both stop serving. Stop one of them, give it a key of its own, and restart the other.",
    ),
    "INTERNAL": ErrorEntry(
        500,
        False,
        "Something failed inside the node. Look for requestId {requestId} in its log.",
    ),
    "INVITATION_INVALID": ErrorEntry(
        400,
        False,
        "The invitation is refused: {reason}. Ask a member for a new one: p2pctl invite",
    ),
    "INVITATION_ISSUER": ErrorEntry(
        403,
        False,
        "The invitation is signed by {issuerPeerId}, who is neither a member nor the admin of the system that it names. Ask a member for a new one: p2pctl invite",
    ),
    "JOIN_STALE": ErrorEntry(
        503,
        True,
        "The members that answered do not hold snapshot {epoch}, which the invitation demands; the greatest that they showed is {found}. Try again when more of them can be reached.",
    ),
    "JOIN_UNREACHABLE": ErrorEntry(
        503,
        True,
        "No member answered at the {addresses} addresses of the invitation: {reason}. Look whether this machine reaches them, or ask for a new invitation.",
    ),
    "KEY_FILE_INVALID": ErrorEntry(
        500,
        False,
        "The key file {file} is damaged: {reason}. Restore it from a backup; without one, move it away: the node then gets a new key, and an admin must add it as a new member.",
    ),
    "KEY_PASSPHRASE_NEEDED": ErrorEntry(
        500,
        False,
        "The key file {file} is sealed by a passphrase. Name a file that holds it in node.passphrase_file (--node-passphrase-file).",
    ),
    "KEY_PASSPHRASE_WRONG": ErrorEntry(
        500,
        False,
        "The passphrase does not open the key file {file}. Correct the file that node.passphrase_file names.",
    ),
    "KV_CURSOR_INVALID": ErrorEntry(
        400,
        False,
        "The cursor is refused: {reason}. Pass the cursor of the page before unchanged, or none to begin again.",
    ),
    "KV_KEY_INVALID": ErrorEntry(
        400,
        False,
        "The {name} is refused: {reason}. A key is 1 to 512 bytes of UTF-8, percent-encoded once in the path.",
    ),
    "KV_KEY_NOT_FOUND": ErrorEntry(
        404,
        False,
        "There is nothing under the key {key}. p2pctl kv list shows the keys there are.",
    ),
    "KV_VALUE_TOO_LARGE": ErrorEntry(
        413,
        False,
        "The value is larger than {maxBytes} bytes. Split it, or keep it in the object store and only its name here.",
    ),
    "LEASE_LOST": ErrorEntry(
        409,
        False,
        "The lease with token {token} could not be renewed in time: another may hold it now. Acquire it again.",
    ),
    "LISTEN_FAILED": ErrorEntry(
        500,
        False,
        "Cannot listen on {host}:{port}: {reason}. Choose another address with http.listen in node.toml.",
    ),
    "LOCK_HELD": ErrorEntry(
        409,
        True,
        "Another holds the lock {key}. Try again later, or wait longer with --wait.",
    ),
    "MEDIA_TYPE_UNSUPPORTED": ErrorEntry(
        415,
        False,
        "The body must be {expected}; set the content-type header to that.",
    ),
    "MEMBERS_SNAPSHOT_NONE": ErrorEntry(
        404,
        False,
        "This node knows no snapshot yet. An admin pushes one with: p2pctl members push FILE",
    ),
    "METHOD_NOT_ALLOWED": ErrorEntry(
        405,
        False,
        "{path} does not take {method}, only {allowed}.",
    ),
    "METHOD_NOT_SERVED": ErrorEntry(
        404,
        False,
        "There is no method {method} on this socket. See /openapi.json: a method is an operationId, as in kv.put.",
    ),
    "METHOD_UNKNOWN": ErrorEntry(
        501,
        False,
        "Node {peerId} does not know {method}. It may run another version.",
    ),
    "NAMESPACE_KIND": ErrorEntry(
        400,
        False,
        "{namespace} is of the kind {kind}: compare-and-set and plain writes are never mixed in one namespace.",
    ),
    "NAMESPACE_UNKNOWN": ErrorEntry(
        404,
        False,
        "No service of this node keeps records in the namespace {namespace}. Name it as <app>/<service>.",
    ),
    "NODE_CLOSING": ErrorEntry(
        503,
        True,
        "This node is shutting down. Ask another node, or wait until it is back.",
    ),
    "NODE_NOT_CHOSEN": ErrorEntry(
        404,
        False,
        "There is no node to talk to: {looked}. Start a system with: p2pctl dev, or name a node with --url or --home.",
    ),
    "NODE_START_FAILED": ErrorEntry(
        500,
        False,
        "{name} did not start: {reason}",
    ),
    "NODE_UNREACHABLE": ErrorEntry(
        503,
        True,
        "No node answers at {url}: {reason}. Look whether it runs, or name another with --url or --home.",
    ),
    "NOT_A_MEMBER": ErrorEntry(
        403,
        False,
        "Node {peerId} is not a member of this system. An admin adds it with: p2pctl members add {peerId}",
    ),
    "ORIGIN_REFUSED": ErrorEntry(
        403,
        False,
        "Requests from the page {origin} are refused. Open the page that the node itself serves (p2pctl open).",
    ),
    "OVERLOADED": ErrorEntry(
        429,
        True,
        "{what} has too much in flight. Wait a moment and try again.",
    ),
    "PEER_BANNED": ErrorEntry(
        403,
        True,
        "Node {peerId} asked for too much or sent what cannot be true, and is not heard for {seconds} s.",
    ),
    "PEER_ID_INVALID": ErrorEntry(
        400,
        False,
        "Not the peer id of an Ed25519 key: {peerId}. It begins with 12D3KooW; p2pctl peers shows those that are known.",
    ),
    "PEER_PROTOCOL": ErrorEntry(
        502,
        False,
        "Node {peerId} broke the protocol: {reason}. Its connection was closed.",
    ),
    "PEER_UNREACHABLE": ErrorEntry(
        503,
        True,
        "Node {peerId} cannot be reached. p2pctl peers shows what is connected.",
    ),
    "PLACEMENT_STALE": ErrorEntry(
        503,
        True,
        "Node {peerId} knows another membership (epoch {epoch}), so the replicas may differ. The nodes tell each other; try again.",
    ),
    "PORT_IN_USE": ErrorEntry(
        409,
        False,
        "Port {port} on {host} is taken by {holder}. End that program, or choose another port with --port (http.listen in node.toml).",
    ),
    "PUBSUB_MESSAGE_TOO_LARGE": ErrorEntry(
        413,
        False,
        "The message is larger than {maxBytes} bytes. Store it under a key or as an object and publish where it lies.",
    ),
    "PUBSUB_NO_SUBSCRIBER": ErrorEntry(
        409,
        True,
        "Nobody is subscribed to {topic}, so nobody has the message. p2pctl pubsub presence {topic} shows who is.",
    ),
    "PUBSUB_TOO_SLOW": ErrorEntry(
        429,
        False,
        "The subscriber took too long: {queued} messages waited. Subscribe again, or choose to drop with slow=buffer or slow=latest.",
    ),
    "PUBSUB_TOPIC_INVALID": ErrorEntry(
        400,
        False,
        "The topic is refused: {reason}. A topic is tokens joined by dots, such as orders.eu.new; to subscribe, * stands for one token and > for the rest.",
    ),
    "PUBSUB_UNCONFIRMED": ErrorEntry(
        504,
        False,
        "Only {subscribers} of {interested} interested nodes confirmed the message in time. The others get it if they come back soon; it was published all the same.",
    ),
    "QUOTA_DATABASES": ErrorEntry(
        409,
        False,
        "The app {app} has its {limit} databases. Delete one first; the operator sets quotas with p2pctl apps quota.",
    ),
    "QUOTA_EXCEEDED": ErrorEntry(
        429,
        True,
        "The app {app} is over its quota of {limit} {quota} a second. Try again after the time in retry-after; the operator sets quotas with p2pctl apps quota.",
    ),
    "QUOTA_STORAGE": ErrorEntry(
        413,
        False,
        "The app {app} stores {used} of the {limit} bytes it may. Delete something first; the operator sets quotas with p2pctl apps quota.",
    ),
    "RECEIPT_REFUSED": ErrorEntry(
        422,
        False,
        "This receipt proves nothing: {reason}.",
    ),
    "RECEIPT_UNAVAILABLE": ErrorEntry(
        503,
        True,
        "The write is done, but only {signed} of {needed} needed replicas signed for it: {reason}. Write again for a receipt.",
    ),
    "RECONCILIATION_MALFORMED": ErrorEntry(
        400,
        False,
        "A message by which replicas compare what they hold is refused: {reason}.",
    ),
    "RECORDS_QUORUM_LOST": ErrorEntry(
        503,
        True,
        "Only {answered} of {needed} needed replicas answered. Try again; p2pctl peers shows which nodes are gone.",
    ),
    "RECORD_INVALID": ErrorEntry(
        400,
        False,
        "The record is refused: {reason}.",
    ),
    "RECORD_SIGNATURE": ErrorEntry(
        403,
        False,
        "The record is not signed by a member who may write it: {reason}.",
    ),
    "RECORD_TOO_LARGE": ErrorEntry(
        413,
        False,
        "The {what} is larger than {maxBytes} bytes. Split the value, or keep it in the object store.",
    ),
    "RELEASE_ARTEFACT": ErrorEntry(
        409,
        False,
        "The artefact of release {version} is refused: {reason}. Nothing of it was run.",
    ),
    "RELEASE_EXPIRED": ErrorEntry(
        409,
        False,
        "The manifest of release {version} ended at {expires}. Ask for a newer one: p2pctl update check",
    ),
    "RELEASE_OLDER": ErrorEntry(
        409,
        False,
        "Release {version} is refused: this system has finalized {finalized}, and nothing older is installed.",
    ),
    "RELEASE_PLATFORM": ErrorEntry(
        409,
        False,
        "Release {version} has nothing for {platform}.",
    ),
    "RELEASE_SIGNATURE": ErrorEntry(
        403,
        False,
        "The release is refused: {reason}. Only a manifest signed by enough release keys of this system is installed.",
    ),
    "RELEASE_TOO_FAR": ErrorEntry(
        409,
        False,
        "Release {version} can be installed from {minFrom} on; {running} runs here. Install one in between first.",
    ),
    "RENDEZVOUS_FULL": ErrorEntry(
        429,
        True,
        "There is no room for the registration: {reason}. Withdraw one, or wait until older ones have ended.",
    ),
    "RENDEZVOUS_NAME_INVALID": ErrorEntry(
        400,
        False,
        "The {name} is refused: {reason}. Namespaces look like chat/lobby, names like anna-1.",
    ),
    "RENDEZVOUS_UNSTORED": ErrorEntry(
        503,
        True,
        "No other node took the registration of {name} in {namespace}. Try again; p2pctl peers shows which nodes are reachable.",
    ),
    "REPLICA_LEARNING": ErrorEntry(
        503,
        True,
        "This replica lost its disk or runs on an old copy of it, and counts in no majority until it has caught up. Try again.",
    ),
    "REQUEST_TOO_SLOW": ErrorEntry(
        408,
        True,
        "The request did not arrive in time. Send it whole, without long pauses.",
    ),
    "REVOCATION_SIGNATURE": ErrorEntry(
        403,
        False,
        "The revocation is not signed by enough system keys that this node knows. Collect the missing signatures, or push the key rotations first.",
    ),
    "ROOT_FORKED": ErrorEntry(
        409,
        False,
        "The system keys have forked after {previous}: as many of the keys signed one key rotation as another. Changes of the root are halted until one more of those keys signs the right one: p2pctl system rotate --again FILE, then p2pctl system push.",
    ),
    "ROTATION_DATE": ErrorEntry(
        400,
        False,
        "The key rotation is dated {createdAt}, before the one it follows or in the future. Check the clocks of the machine that made it and of this node.",
    ),
    "ROTATION_OUTVOTED": ErrorEntry(
        409,
        False,
        "More of the system keys before it signed another key rotation than {hash}; that one is in force, and nothing under this one counts. Build on the one in force, or have more holders of those keys sign this one.",
    ),
    "ROTATION_PREVIOUS_UNKNOWN": ErrorEntry(
        409,
        True,
        "The key rotation follows {previous}, which this node does not know. Push the rotations before it first.",
    ),
    "ROTATION_SIGNATURE": ErrorEntry(
        403,
        False,
        "The key rotation lacks signatures of the {which} system keys; {threshold} of them must sign. Collect the missing ones.",
    ),
    "ROTATION_VERSION": ErrorEntry(
        409,
        False,
        "The key rotation has version {version}, but {expected} comes next. Build it on the newest one.",
    ),
    "ROUTE_NOT_FOUND": ErrorEntry(
        404,
        False,
        "There is nothing at {method} {path}. See /openapi.json for what there is.",
    ),
    "SEALED_KEY_INVALID": ErrorEntry(
        400,
        False,
        "The key file {file} is damaged: {reason}. Take the copy that was made of it.",
    ),
    "SEALED_KEY_PASSPHRASE": ErrorEntry(
        403,
        False,
        "The passphrase does not open {file}. Try again; if it is lost, nothing opens this file: the other key holders replace the key with p2pctl system rotate.",
    ),
    "SEALED_KEY_PASSPHRASE_NEEDED": ErrorEntry(
        400,
        False,
        "The key file {file} is sealed, and there is no keyboard to ask for its passphrase. Name a file that holds it with --passphrase-file.",
    ),
    "SECRET_FILE_EXPOSED": ErrorEntry(
        500,
        False,
        "The file {file} holds a secret, and other users can read or change it. Run: chmod 600 {file}",
    ),
    "SECRET_FILE_UNREADABLE": ErrorEntry(
        500,
        False,
        "The secret in {file} cannot be read: {reason}. Give the file to the user that runs the node, or correct the setting that names it.",
    ),
    "SESSION_LINK_INVALID": ErrorEntry(
        410,
        False,
        "This link was used already or is older than 60 s. Print a new one with: p2pctl open",
    ),
    "SNAPSHOT_BRANCHES_FULL": ErrorEntry(
        409,
        False,
        "The admin proof {serial} already has {count} snapshots after {previous}; no more are kept. Issue changes on the snapshot in force; revoke the admin if these are not his.",
    ),
    "SNAPSHOT_COUNTERSIGNATURE_MISSING": ErrorEntry(
        403,
        False,
        "No member of the snapshot before has countersigned this one: {reason}. Push it to a node that is a member there.",
    ),
    "SNAPSHOT_DATE": ErrorEntry(
        400,
        False,
        "The snapshot is dated {issuedAt}: {reason}. Check the clocks of the machine that issued it and of this node, and issue it again.",
    ),
    "SNAPSHOT_EPOCH_GAP": ErrorEntry(
        409,
        False,
        "The snapshot has epoch {epoch}, but {expected} follows the one it builds on. Issue it again with that epoch.",
    ),
    "SNAPSHOT_FORCE_NEEDED": ErrorEntry(
        409,
        False,
        "The snapshot drops {what} at once, so data may be lost. Mark the members as draining first; if they are gone for good, issue it with force.",
    ),
    "SNAPSHOT_FOUNDED": ErrorEntry(
        409,
        False,
        "This system was founded by the snapshot {founding}, on which later ones stand; another first snapshot is refused. Issue changes on {head}.",
    ),
    "SNAPSHOT_NOT_ADMIN": ErrorEntry(
        403,
        False,
        "The issuer {issuerPeerId} is no admin of this system: the proof inside the snapshot is for {adminPeerId}. Ask the system key holders for a proof.",
    ),
    "SNAPSHOT_PREVIOUS_UNKNOWN": ErrorEntry(
        409,
        True,
        "The snapshot follows {previous}, which this node does not know. Build it on the snapshot in force (p2pctl members), or push those before it first.",
    ),
    "SNAPSHOT_PROOF_EXPIRED": ErrorEntry(
        403,
        False,
        "The admin proof {serial} is valid from {validFrom} until {until}; the snapshot is of {issuedAt}. Ask the system key holders for a new proof.",
    ),
    "SNAPSHOT_PROOF_SIGNATURE": ErrorEntry(
        403,
        False,
        "The admin proof {serial} is not signed by enough of the system keys in office when it begins. Ask the system key holders for a new one.",
    ),
    "SNAPSHOT_REVOKED": ErrorEntry(
        403,
        False,
        "The snapshot is void: its admin proof {serial}, or one that it builds on, was revoked. An admin in office must issue a new one on {head}.",
    ),
    "SNAPSHOT_SCOPE": ErrorEntry(
        403,
        False,
        "The snapshot changes more than its admin may; missing: {missing}. Ask the system key holders for a proof with these scopes.",
    ),
    "SNAPSHOT_SIGNATURE": ErrorEntry(
        403,
        False,
        "The snapshot is not signed by its issuer {issuerPeerId}. Sign it with that admin key.",
    ),
    "SNAPSHOT_WAITING": ErrorEntry(
        409,
        True,
        "The admin proof {serial} was revoked or ended, up to a snapshot that this node does not hold yet. It can take effect when the snapshots up to there have come, or those that follow it under newer keys.",
    ),
    "SNAPSHOT_WRONG_SYSTEM": ErrorEntry(
        409,
        False,
        "The snapshot is of system {systemId}, this node belongs to {expected}. Push it to a node of that system.",
    ),
    "SQL_BUSY": ErrorEntry(
        503,
        True,
        "The database {database} is held by an interactive transaction. Try again; it ends within {withinMs} ms.",
    ),
    "SQL_CONFIRM_NAME": ErrorEntry(
        400,
        False,
        "Deleting a database must be confirmed by its name: confirm={database}. Everything in it is lost.",
    ),
    "SQL_CONFLICT": ErrorEntry(
        409,
        False,
        "What the transaction had read was changed by another before its commit. Nothing of it was done; run it again from its beginning.",
    ),
    "SQL_CONSTRAINT": ErrorEntry(
        409,
        False,
        "A constraint of the database was broken: {reason}. Nothing of the request was done.",
    ),
    "SQL_CORRUPT": ErrorEntry(
        500,
        False,
        "The database {database} is damaged: {reason}. Restore a backup: p2pctl sql restore {database} FILE",
    ),
    "SQL_DATABASE_INVALID": ErrorEntry(
        400,
        False,
        "The name of the database is refused: {reason}. A name is 1 to 63 letters, digits, - and _, and begins with a letter.",
    ),
    "SQL_DATABASE_NOT_FOUND": ErrorEntry(
        404,
        False,
        "There is no database {database}. p2pctl sql list shows those there are; p2pctl sql create {database} makes it.",
    ),
    "SQL_ENGINE_FAILED": ErrorEntry(
        503,
        True,
        "The engine of the database {database} failed: {reason}. The log of its node says more; it is started again by itself.",
    ),
    "SQL_ENGINE_MISSING": ErrorEntry(
        409,
        False,
        "The engine {engine} cannot run on node {peerId}: {reason}. Install rqlited 8.36 or newer there, or name its file as sql.rqlited in node.toml.",
    ),
    "SQL_HOLDER_UNREACHABLE": ErrorEntry(
        503,
        True,
        "No node that holds the database {database} can be reached: {holders}. p2pctl sql status {database} says more; it is back when one of them is.",
    ),
    "SQL_LIMIT": ErrorEntry(
        429,
        False,
        "There are {count} {what} already, which is the limit. Delete some, or raise {setting}.",
    ),
    "SQL_MIGRATION": ErrorEntry(
        409,
        False,
        "The migrations are refused: {reason}.",
    ),
    "SQL_MOVING": ErrorEntry(
        503,
        True,
        "The database {database} is being moved to another engine. Try again: writes go on in a moment.",
    ),
    "SQL_NOT_ENOUGH_NODES": ErrorEntry(
        409,
        False,
        "This needs {needed} nodes that can hold a database with the engine {engine}; {found} were found. Give members the capability sql, or choose fewer voters.",
    ),
    "SQL_NO_LEADER": ErrorEntry(
        503,
        True,
        "The voters of the database {database} have no leader now. Try again in a few seconds; if a majority of them is gone for good: p2pctl sql recover {database}",
    ),
    "SQL_PARAMS_INVALID": ErrorEntry(
        400,
        False,
        "The parameters are refused: {reason}. A parameter is null, a number, {\"$int\": \"…\"}, text or {\"$blob\": \"base64\"}.",
    ),
    "SQL_PLACEMENT_STALE": ErrorEntry(
        503,
        True,
        "Node {peerId} does not hold the database {database}. Ask again: it has moved.",
    ),
    "SQL_READ_ONLY": ErrorEntry(
        400,
        False,
        "The statement would change the database, and this is for reading only. Send it to execute.",
    ),
    "SQL_RECOVER_RISK": ErrorEntry(
        409,
        False,
        "Recovering {database} makes it go on from {survivor}, which has everything up to index {index}. What the {lost} voters that are gone acknowledged after that is lost, and they must not come back as they were. To do it: confirm={database}",
    ),
    "SQL_REFUSED": ErrorEntry(
        400,
        False,
        "The statement is refused: {reason}.",
    ),
    "SQL_SYNTAX": ErrorEntry(
        400,
        False,
        "The SQL is refused: {reason}. p2pctl sql schema {database} shows what tables and columns there are.",
    ),
    "SQL_TIMEOUT": ErrorEntry(
        408,
        False,
        "The statement ran longer than {timeoutMs} ms and was ended; nothing of it was done. Make it do less at a time, or raise sql.statement_timeout.",
    ),
    "SQL_TOO_LARGE": ErrorEntry(
        413,
        False,
        "The {what} is larger than {limit}. Ask for less at a time: LIMIT and a condition on the last key seen.",
    ),
    "SQL_TRANSACTION_ENDED": ErrorEntry(
        409,
        False,
        "The transaction {transaction} has ended: {reason}. Nothing of it was kept unless its commit was answered; begin a new one.",
    ),
    "SQL_UNSUPPORTED": ErrorEntry(
        400,
        False,
        "This cannot be had here: {reason}.",
    ),
    "STATE_UNCONFIGURED": ErrorEntry(
        503,
        True,
        "This node is not in the membership yet, so it serves no data. An admin adds it with: p2pctl members add {peerId}",
    ),
    "STORE_CORRUPT": ErrorEntry(
        500,
        False,
        "The database {file} is damaged: {reason}. Restore a backup, or move its folder away: the node then starts empty and gets its share again from the other nodes.",
    ),
    "STORE_FAILED": ErrorEntry(
        500,
        False,
        "The node's store failed: {reason}. Its log says more; p2pctl doctor checks the disk.",
    ),
    "STORE_FULL": ErrorEntry(
        507,
        True,
        "A disk is full; reads go on, new writes are refused. Free some space there, raise its store.max_bytes, or add a node.",
    ),
    "STORE_TOO_NEW": ErrorEntry(
        500,
        False,
        "The database {file} was written by a newer version ({owner} has form {found}, this version knows {known}). Start that version again, or restore a backup made before the update.",
    ),
    "STREAM_NOT_SERVED": ErrorEntry(
        404,
        False,
        "There is nothing of kind {kind} to subscribe to. There is: {known}.",
    ),
    "SYSTEM_ID_INVALID": ErrorEntry(
        400,
        False,
        "Not a system id: {systemId}. It begins with sys1 and has 56 characters; a member's p2pctl status shows it.",
    ),
    "SYSTEM_MISMATCH": ErrorEntry(
        409,
        False,
        "The {kind} is of system {found}, this node belongs to {expected}. Send it to a node of that system.",
    ),
    "TIMEOUT": ErrorEntry(
        504,
        True,
        "{what} did not answer within {timeoutMs} ms. Try again; p2pctl status shows which nodes are reachable.",
    ),
    "TOKEN_EXPIRED": ErrorEntry(
        401,
        False,
        "This token of the app {app} expired at {expiredAt}. Ask the operator for another.",
    ),
    "TOKEN_FILE_INVALID": ErrorEntry(
        500,
        False,
        "The token file {file} is unusable: {reason}. Move it away and start again: a new token is made.",
    ),
    "TOKEN_NOT_FOUND": ErrorEntry(
        404,
        False,
        "The app {app} has no token {token}. p2pctl apps tokens list {app} shows those there are.",
    ),
    "TRANSCRIPT_BROKEN": ErrorEntry(
        409,
        False,
        "The transcript does not hold at line {line}: {reason}. Compare it with the copies of other key holders.",
    ),
    "UPDATE_NONE": ErrorEntry(
        404,
        False,
        "No update is under way. Start one with: p2pctl update apply MANIFEST",
    ),
    "UPDATE_UNFINISHED": ErrorEntry(
        409,
        False,
        "The update to {version} cannot be finalized yet: {reason}.",
    ),
    "UPDATE_UNSUPPORTED": ErrorEntry(
        409,
        False,
        "This node cannot replace its own software: {reason}. Install it with deploy/install.sh.",
    ),
    "URL_TOO_LONG": ErrorEntry(
        414,
        False,
        "The URL is longer than {maxBytes} bytes.",
    ),
    "VERSION_AHEAD": ErrorEntry(
        503,
        True,
        "The version lies more than {maxAheadMs} ms in the future. Set the clocks of the nodes (p2pctl doctor), then try again.",
    ),
    "VERSION_INVALID": ErrorEntry(
        400,
        False,
        "Not a version: {version}. Send one exactly as the node gave it.",
    ),
    "WATCH_LIMIT": ErrorEntry(
        429,
        True,
        "The app {app} has {limit} watches through this node, and there is no room for more of them. End one, or watch through another node.",
    ),
    "WATCH_TOKEN_INVALID": ErrorEntry(
        400,
        False,
        "This is not a token of a watch of these keys. Pass one exactly as a watch of the same prefix gave it, or none to begin with what is there.",
    ),
}
