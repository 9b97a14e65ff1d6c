// packages/protocol/src/errors/app-errors.ts
var e = {
	APP_NAME_INVALID: {
		status: 400,
		retry: !1,
		text: "The name of the app is refused: {reason}. A name is 1 to 63 of a–z, 0–9 and -, beginning and ending with a letter or digit."
	},
	APP_NOT_FOUND: {
		status: 404,
		retry: !1,
		text: "There is no app {app}. p2pctl apps list shows those there are; p2pctl apps create {app} makes it."
	},
	APP_SUSPENDED: {
		status: 403,
		retry: !1,
		text: "The app {app} is suspended: its tokens are refused until the operator resumes it (p2pctl apps resume {app})."
	},
	APP_DELETING: {
		status: 409,
		retry: !0,
		text: "The app {app} is being deleted with its data. When that is done its name is free again."
	},
	APP_PROTECTED: {
		status: 409,
		retry: !1,
		text: "The app {app} belongs to the operator: it can be neither suspended, deleted nor limited."
	},
	APP_CONFIRMATION_MISSING: {
		status: 400,
		retry: !1,
		text: "This deletes the app {app} with all its data for good. Confirm by its name: ?confirm={app}, or p2pctl apps delete {app} --confirm {app}"
	},
	APP_TOKENS_FULL: {
		status: 409,
		retry: !1,
		text: "The app {app} has as many tokens as fit. Delete those that nobody uses: p2pctl apps tokens list {app}"
	},
	TOKEN_NOT_FOUND: {
		status: 404,
		retry: !1,
		text: "The app {app} has no token {token}. p2pctl apps tokens list {app} shows those there are."
	},
	TOKEN_EXPIRED: {
		status: 401,
		retry: !1,
		text: "This token of the app {app} expired at {expiredAt}. Ask the operator for another."
	},
	GRANT_REFUSED: {
		status: 400,
		retry: !1,
		text: "A token of the app {app} cannot be granted {grant}: tenants get kv, pubsub, sql and rendezvous; the rest is for tokens of the app default."
	},
	AUTH_STALE: {
		status: 503,
		retry: !0,
		text: "This node has not been able to check the tokens of the app {app} for more than {boundMs} ms, so it takes none. Ask another node, or try again."
	},
	QUOTA_EXCEEDED: {
		status: 429,
		retry: !0,
		text: "The app {app} is over its quota of {limit} {quota} a second. Try again after the time in retry-after; the operator sets quotas with p2pctl apps quota."
	},
	QUOTA_STORAGE: {
		status: 413,
		retry: !1,
		text: "The app {app} stores {used} of the {limit} bytes it may. Delete something first; the operator sets quotas with p2pctl apps quota."
	},
	QUOTA_DATABASES: {
		status: 409,
		retry: !1,
		text: "The app {app} has its {limit} databases. Delete one first; the operator sets quotas with p2pctl apps quota."
	}
}, t = {
	SEALED_KEY_INVALID: {
		status: 400,
		retry: !1,
		text: "The key file {file} is damaged: {reason}. Take the copy that was made of it."
	},
	SEALED_KEY_PASSPHRASE: {
		status: 403,
		retry: !1,
		text: "The passphrase does not open {file}. Try again; if it is lost, nothing opens this file: the other key holders replace the key with p2pctl system rotate."
	},
	SEALED_KEY_PASSPHRASE_NEEDED: {
		status: 400,
		retry: !1,
		text: "The key file {file} is sealed, and there is no keyboard to ask for its passphrase. Name a file that holds it with --passphrase-file."
	},
	CEREMONY_FILE_KIND: {
		status: 400,
		retry: !1,
		text: "The file is {found}; a {expected} is needed here. p2pctl keys inspect FILE says what a file is."
	},
	CEREMONY_FILE_DAMAGED: {
		status: 400,
		retry: !1,
		text: "The {kind} was changed or damaged on its way: {reason}. Have it sent again."
	},
	CEREMONY_FILE_EXISTS: {
		status: 409,
		retry: !1,
		text: "{file} is there already and is not replaced. Choose another place with --out."
	},
	CEREMONY_SYSTEM: {
		status: 409,
		retry: !1,
		text: "The request is for the system {found}, but {expected} was named. Do not sign it; ask who sent it."
	},
	CEREMONY_UNPINNED: {
		status: 400,
		retry: !1,
		text: "Say which system you sign for with --system-id sys1… or --pinned FILE: a request could name any. This one names {systemId}."
	},
	CEREMONY_NOT_CONFIRMED: {
		status: 409,
		retry: !1,
		text: "Nothing was signed, since it was not confirmed. Read what is asked, then answer yes, or give --yes."
	},
	CEREMONY_KEY_UNASKED: {
		status: 403,
		retry: !1,
		text: "The key {key} is none of those that may sign this {kind}. Take the key file that belongs to this system (p2pctl keys inspect)."
	},
	CEREMONY_KEY_ROLE: {
		status: 400,
		retry: !1,
		text: "The public key of {label} was made as {found} key, not as {expected} key. Make one of the right kind with p2pctl keys create --role {expected}."
	},
	CEREMONY_KEY_TWICE: {
		status: 400,
		retry: !1,
		text: "The key {key} is named twice. Each key holder must have a key of their own."
	},
	CEREMONY_SHARE_FOREIGN: {
		status: 409,
		retry: !1,
		text: "The share of key {key} is for another request ({found}, not {expected}). One of them was changed or mixed up: send the holder the right request."
	},
	CEREMONY_SHARE_TWICE: {
		status: 409,
		retry: !1,
		text: "Two shares are of the key {key}; each holder counts once. Leave one out and ask another holder."
	},
	CEREMONY_SHARE_SIGNATURE: {
		status: 403,
		retry: !1,
		text: "The share of key {key} does not verify. Have it signed again."
	},
	CEREMONY_SHARES_MISSING: {
		status: 409,
		retry: !1,
		text: "{have} of the {need} signatures by the {set} keys are there. Still to be asked: {missing}."
	},
	TRANSCRIPT_BROKEN: {
		status: 409,
		retry: !1,
		text: "The transcript does not hold at line {line}: {reason}. Compare it with the copies of other key holders."
	},
	AUTO_TLS_UNAVAILABLE: {
		status: 500,
		retry: !1,
		text: "net.auto_tls is on, and no certificate can be had: {reason}. Set it to auto to serve without one, or to off."
	},
	RELEASE_SIGNATURE: {
		status: 403,
		retry: !1,
		text: "The release is refused: {reason}. Only a manifest signed by enough release keys of this system is installed."
	},
	RELEASE_EXPIRED: {
		status: 409,
		retry: !1,
		text: "The manifest of release {version} ended at {expires}. Ask for a newer one: p2pctl update check"
	},
	RELEASE_OLDER: {
		status: 409,
		retry: !1,
		text: "Release {version} is refused: this system has finalized {finalized}, and nothing older is installed."
	},
	RELEASE_TOO_FAR: {
		status: 409,
		retry: !1,
		text: "Release {version} can be installed from {minFrom} on; {running} runs here. Install one in between first."
	},
	RELEASE_PLATFORM: {
		status: 409,
		retry: !1,
		text: "Release {version} has nothing for {platform}."
	},
	RELEASE_ARTEFACT: {
		status: 409,
		retry: !1,
		text: "The artefact of release {version} is refused: {reason}. Nothing of it was run."
	},
	UPDATE_UNSUPPORTED: {
		status: 409,
		retry: !1,
		text: "This node cannot replace its own software: {reason}. Install it with deploy/install.sh."
	},
	UPDATE_NONE: {
		status: 404,
		retry: !1,
		text: "No update is under way. Start one with: p2pctl update apply MANIFEST"
	},
	UPDATE_UNFINISHED: {
		status: 409,
		retry: !1,
		text: "The update to {version} cannot be finalized yet: {reason}."
	}
}, n = {
	IDEMPOTENCY_KEY_REUSED: {
		status: 409,
		retry: !1,
		text: "The idempotency key {idempotencyKey} was used before for another request. Use a new key for each new request."
	},
	KV_KEY_INVALID: {
		status: 400,
		retry: !1,
		text: "The {name} is refused: {reason}. A key is 1 to 512 bytes of UTF-8, percent-encoded once in the path."
	},
	KV_KEY_NOT_FOUND: {
		status: 404,
		retry: !1,
		text: "There is nothing under the key {key}. p2pctl kv list shows the keys there are."
	},
	LOCK_HELD: {
		status: 409,
		retry: !0,
		text: "Another holds the lock {key}. Try again later, or wait longer with --wait."
	},
	KV_VALUE_TOO_LARGE: {
		status: 413,
		retry: !1,
		text: "The value is larger than {maxBytes} bytes. Split it, or keep it in the object store and only its name here."
	},
	KV_CURSOR_INVALID: {
		status: 400,
		retry: !1,
		text: "The cursor is refused: {reason}. Pass the cursor of the page before unchanged, or none to begin again."
	},
	RECORDS_QUORUM_LOST: {
		status: 503,
		retry: !0,
		text: "Only {answered} of {needed} needed replicas answered. Try again; p2pctl peers shows which nodes are gone."
	},
	CAS_CONDITION_FAILED: {
		status: 412,
		retry: !1,
		text: "The condition does not hold: what is there has the version {version}. Read it again and decide anew."
	},
	NAMESPACE_KIND: {
		status: 400,
		retry: !1,
		text: "{namespace} is of the kind {kind}: compare-and-set and plain writes are never mixed in one namespace."
	},
	LEASE_LOST: {
		status: 409,
		retry: !1,
		text: "The lease with token {token} could not be renewed in time: another may hold it now. Acquire it again."
	},
	PUBSUB_TOPIC_INVALID: {
		status: 400,
		retry: !1,
		text: "The topic is refused: {reason}. A topic is tokens joined by dots, such as orders.eu.new; to subscribe, * stands for one token and > for the rest."
	},
	PUBSUB_MESSAGE_TOO_LARGE: {
		status: 413,
		retry: !1,
		text: "The message is larger than {maxBytes} bytes. Store it under a key or as an object and publish where it lies."
	},
	PUBSUB_NO_SUBSCRIBER: {
		status: 409,
		retry: !0,
		text: "Nobody is subscribed to {topic}, so nobody has the message. p2pctl pubsub presence {topic} shows who is."
	},
	PUBSUB_UNCONFIRMED: {
		status: 504,
		retry: !1,
		text: "Only {subscribers} of {interested} interested nodes confirmed the message in time. The others get it if they come back soon; it was published all the same."
	},
	PUBSUB_TOO_SLOW: {
		status: 429,
		retry: !0,
		text: "The subscriber took too long: {queued} messages waited. Subscribe again, or choose to drop with slow=buffer or slow=latest."
	},
	NAMESPACE_UNKNOWN: {
		status: 404,
		retry: !1,
		text: "No service of this node keeps records in the namespace {namespace}. Name it as <app>/<service>."
	},
	RECORD_INVALID: {
		status: 400,
		retry: !1,
		text: "The record is refused: {reason}."
	},
	RECORD_TOO_LARGE: {
		status: 413,
		retry: !1,
		text: "The {what} is larger than {maxBytes} bytes. Split the value, or keep it in the object store."
	}
}, r = {
	DHT_VALUE_REFUSED: {
		status: 400,
		retry: !1,
		text: "The value is refused: {reason}. A value lies under its own hash or is signed by its author."
	},
	DHT_FULL: {
		status: 429,
		retry: !0,
		text: "There is no room for the value: {reason}. Store less, or try again when older entries have ended."
	},
	DHT_NOT_CLOSE: {
		status: 409,
		retry: !1,
		text: "This node knows many that are closer to the key, so it does not keep the value. Look the key up and ask those."
	},
	DHT_NOT_STORED: {
		status: 503,
		retry: !0,
		text: "Only {stored} of {asked} nodes took the value. Try again; p2pctl peers shows which nodes are reachable."
	},
	DHT_ALONE: {
		status: 503,
		retry: !0,
		text: "This node knows no other node of the distributed hash table yet. Connect it to a member and try again."
	},
	PEER_BANNED: {
		status: 403,
		retry: !0,
		text: "Node {peerId} asked for too much or sent what cannot be true, and is not heard for {seconds} s."
	},
	RENDEZVOUS_NAME_INVALID: {
		status: 400,
		retry: !1,
		text: "The {name} is refused: {reason}. Namespaces look like chat/lobby, names like anna-1."
	},
	RENDEZVOUS_FULL: {
		status: 429,
		retry: !0,
		text: "There is no room for the registration: {reason}. Withdraw one, or wait until older ones have ended."
	},
	RENDEZVOUS_UNSTORED: {
		status: 503,
		retry: !0,
		text: "No other node took the registration of {name} in {namespace}. Try again; p2pctl peers shows which nodes are reachable."
	}
}, i = {
	E2EE_KEY_INVALID: {
		status: 400,
		retry: !1,
		text: "A public key is refused: {reason}. Get the keys of the other device anew."
	},
	E2EE_BUNDLE_INVALID: {
		status: 400,
		retry: !1,
		text: "The keys for a first message are refused: {reason}. Get the keys of the other device anew."
	},
	E2EE_NOT_STARTED: {
		status: 409,
		retry: !1,
		text: "This session was opened by the other side: it can write only after it has read their first message."
	},
	E2EE_UNREADABLE: {
		status: 400,
		retry: !1,
		text: "The message cannot be read: {reason}. The session goes on with the next one."
	}
}, a = {
	GENESIS_UNKNOWN: {
		status: 503,
		retry: !0,
		text: "This node does not know the genesis of {systemId} yet; it asks the nodes that it is connected to. Connect it to a member, or give it the genesis file."
	},
	SYSTEM_ID_INVALID: {
		status: 400,
		retry: !1,
		text: "Not a system id: {systemId}. It begins with sys1 and has 56 characters; a member's p2pctl status shows it."
	},
	GENESIS_MISMATCH: {
		status: 409,
		retry: !1,
		text: "The genesis document is that of {found}, this node belongs to {expected}. Check the system id in node.toml or in the invitation."
	},
	SYSTEM_MISMATCH: {
		status: 409,
		retry: !1,
		text: "The {kind} is of system {found}, this node belongs to {expected}. Send it to a node of that system."
	},
	ROOT_FORKED: {
		status: 409,
		retry: !1,
		text: "The system keys have forked after {previous}: two signed key rotations follow it. Changes of the root are halted; the system key holders must settle which one is theirs."
	},
	ROTATION_PREVIOUS_UNKNOWN: {
		status: 409,
		retry: !0,
		text: "The key rotation follows {previous}, which this node does not know. Push the rotations before it first."
	},
	ROTATION_VERSION: {
		status: 409,
		retry: !1,
		text: "The key rotation has version {version}, but {expected} comes next. Build it on the newest one."
	},
	ROTATION_DATE: {
		status: 400,
		retry: !1,
		text: "The key rotation is dated {createdAt}, before the one it follows or in the future. Check the clocks of the machine that made it and of this node."
	},
	ROTATION_SIGNATURE: {
		status: 403,
		retry: !1,
		text: "The key rotation lacks signatures of the {which} system keys; {threshold} of them must sign. Collect the missing ones."
	},
	REVOCATION_SIGNATURE: {
		status: 403,
		retry: !1,
		text: "The revocation is not signed by enough system keys that this node knows. Collect the missing signatures, or push the key rotations first."
	},
	SNAPSHOT_WRONG_SYSTEM: {
		status: 409,
		retry: !1,
		text: "The snapshot is of system {systemId}, this node belongs to {expected}. Push it to a node of that system."
	},
	SNAPSHOT_SIGNATURE: {
		status: 403,
		retry: !1,
		text: "The snapshot is not signed by its issuer {issuerPeerId}. Sign it with that admin key."
	},
	SNAPSHOT_NOT_ADMIN: {
		status: 403,
		retry: !1,
		text: "The issuer {issuerPeerId} is no admin of this system: the proof inside the snapshot is for {adminPeerId}. Ask the system key holders for a proof."
	},
	SNAPSHOT_PROOF_SIGNATURE: {
		status: 403,
		retry: !1,
		text: "The admin proof {serial} is not signed by enough of the system keys in office when it begins. Ask the system key holders for a new one."
	},
	SNAPSHOT_PROOF_EXPIRED: {
		status: 403,
		retry: !1,
		text: "The admin proof {serial} is valid from {validFrom} until {until}; the snapshot is of {issuedAt}. Ask the system key holders for a new proof."
	},
	SNAPSHOT_REVOKED: {
		status: 403,
		retry: !1,
		text: "The snapshot is void: its admin proof {serial}, or one that it builds on, was revoked. An admin in office must issue a new one on {head}."
	},
	SNAPSHOT_WAITING: {
		status: 409,
		retry: !0,
		text: "The admin proof {serial} was revoked, up to a last good snapshot that this node does not hold yet. It can take effect when the snapshots up to there have come."
	},
	SNAPSHOT_PREVIOUS_UNKNOWN: {
		status: 409,
		retry: !0,
		text: "The snapshot follows {previous}, which this node does not know. Build it on the snapshot in force (p2pctl members), or push those before it first."
	},
	SNAPSHOT_EPOCH_GAP: {
		status: 409,
		retry: !1,
		text: "The snapshot has epoch {epoch}, but {expected} follows the one it builds on. Issue it again with that epoch."
	},
	SNAPSHOT_DATE: {
		status: 400,
		retry: !1,
		text: "The snapshot is dated {issuedAt}: {reason}. Check the clocks of the machine that issued it and of this node, and issue it again."
	},
	SNAPSHOT_SCOPE: {
		status: 403,
		retry: !1,
		text: "The snapshot changes more than its admin may; missing: {missing}. Ask the system key holders for a proof with these scopes."
	},
	SNAPSHOT_FORCE_NEEDED: {
		status: 409,
		retry: !1,
		text: "The snapshot drops {what} at once, so data may be lost. Mark the members as draining first; if they are gone for good, issue it with force."
	},
	SNAPSHOT_COUNTERSIGNATURE_MISSING: {
		status: 403,
		retry: !1,
		text: "No member of the snapshot before has countersigned this one: {reason}. Push it to a node that is a member there."
	},
	SNAPSHOT_FOUNDED: {
		status: 409,
		retry: !1,
		text: "This system was founded by the snapshot {founding}, on which later ones stand; another first snapshot is refused. Issue changes on {head}."
	},
	SNAPSHOT_BRANCHES_FULL: {
		status: 409,
		retry: !1,
		text: "Already {count} snapshots follow {previous}; no more are kept. Revoke the admin who issues them."
	}
}, o = {
	INVITATION_INVALID: {
		status: 400,
		retry: !1,
		text: "The invitation is refused: {reason}. Ask a member for a new one: p2pctl invite"
	},
	INVITATION_ISSUER: {
		status: 403,
		retry: !1,
		text: "The invitation is signed by {issuerPeerId}, who is neither a member nor the admin of the system that it names. Ask a member for a new one: p2pctl invite"
	},
	JOIN_STALE: {
		status: 503,
		retry: !0,
		text: "The members that answered do not hold snapshot {epoch}, which the invitation demands; the greatest that they showed is {found}. Try again when more of them can be reached."
	},
	JOIN_UNREACHABLE: {
		status: 503,
		retry: !0,
		text: "No member answered at the {addresses} addresses of the invitation: {reason}. Look whether this machine reaches them, or ask for a new invitation."
	},
	HOME_JOINED: {
		status: 409,
		retry: !1,
		text: "{home} belongs to {found} already, so it cannot join {asked}. Choose another folder with --home."
	},
	DNS_FAILED: {
		status: 502,
		retry: !0,
		text: "The TXT records of {name} cannot be looked up: {reason}. Look at discovery.dns_servers and discovery.dns_over_https, and ask for the same name with another program."
	},
	ADDRESS_INVALID: {
		status: 400,
		retry: !1,
		text: "Not an address that this node can dial: {address}: {reason}. It looks like /ip4/192.0.2.1/tcp/4100/p2p/12D3KooW…; p2pctl peers --json shows those that are known."
	}
}, s = {
	WATCH_TOKEN_INVALID: {
		status: 400,
		retry: !1,
		text: "This is not a token of a watch. Pass one exactly as a watch gave it, or none to begin with what is there."
	},
	RECEIPT_REFUSED: {
		status: 422,
		retry: !1,
		text: "This receipt proves nothing: {reason}."
	},
	RECEIPT_UNAVAILABLE: {
		status: 503,
		retry: !0,
		text: "The write is done, but only {signed} of {needed} needed replicas signed for it: {reason}. Write again for a receipt."
	}
}, c = {
	SQL_DATABASE_INVALID: {
		status: 400,
		retry: !1,
		text: "The name of the database is refused: {reason}. A name is 1 to 63 letters, digits, - and _, and begins with a letter."
	},
	SQL_DATABASE_NOT_FOUND: {
		status: 404,
		retry: !1,
		text: "There is no database {database}. p2pctl sql list shows those there are; p2pctl sql create {database} makes it."
	},
	SQL_CONFIRM_NAME: {
		status: 400,
		retry: !1,
		text: "Deleting a database must be confirmed by its name: confirm={database}. Everything in it is lost."
	},
	SQL_HOLDER_UNREACHABLE: {
		status: 503,
		retry: !0,
		text: "No node that holds the database {database} can be reached: {holders}. p2pctl sql status {database} says more; it is back when one of them is."
	},
	SQL_NO_LEADER: {
		status: 503,
		retry: !0,
		text: "The voters of the database {database} have no leader now. Try again in a few seconds; if a majority of them is gone for good: p2pctl sql recover {database}"
	},
	SQL_NOT_ENOUGH_NODES: {
		status: 409,
		retry: !1,
		text: "This needs {needed} nodes that can hold a database with the engine {engine}; {found} were found. Give members the capability sql, or choose fewer voters."
	},
	SQL_ENGINE_MISSING: {
		status: 409,
		retry: !1,
		text: "The engine {engine} cannot run on node {peerId}: {reason}. Install rqlited 8.36 or newer there, or name its file as sql.rqlited in node.toml."
	},
	SQL_ENGINE_FAILED: {
		status: 503,
		retry: !0,
		text: "The engine of the database {database} failed: {reason}. The log of its node says more; it is started again by itself."
	},
	SQL_UNSUPPORTED: {
		status: 400,
		retry: !1,
		text: "This cannot be had here: {reason}."
	},
	SQL_LIMIT: {
		status: 429,
		retry: !1,
		text: "There are {count} {what} already, which is the limit. Delete some, or raise {setting}."
	},
	SQL_SYNTAX: {
		status: 400,
		retry: !1,
		text: "The SQL is refused: {reason}. p2pctl sql schema {database} shows what tables and columns there are."
	},
	SQL_REFUSED: {
		status: 400,
		retry: !1,
		text: "The statement is refused: {reason}."
	},
	SQL_PARAMS_INVALID: {
		status: 400,
		retry: !1,
		text: "The parameters are refused: {reason}. A parameter is null, a number, {\"$int\": \"…\"}, text or {\"$blob\": \"base64\"}."
	},
	SQL_CONSTRAINT: {
		status: 409,
		retry: !1,
		text: "A constraint of the database was broken: {reason}. Nothing of the request was done."
	},
	SQL_READ_ONLY: {
		status: 400,
		retry: !1,
		text: "The statement would change the database, and this is for reading only. Send it to execute."
	},
	SQL_TOO_LARGE: {
		status: 413,
		retry: !1,
		text: "The {what} is larger than {limit}. Ask for less at a time: LIMIT and a condition on the last key seen."
	},
	SQL_TIMEOUT: {
		status: 408,
		retry: !1,
		text: "The statement ran longer than {timeoutMs} ms and was ended; nothing of it was done. Make it do less at a time, or raise sql.statement_timeout."
	},
	SQL_BUSY: {
		status: 503,
		retry: !0,
		text: "The database {database} is held by an interactive transaction. Try again; it ends within {withinMs} ms."
	},
	SQL_TRANSACTION_ENDED: {
		status: 409,
		retry: !1,
		text: "The transaction {transaction} has ended: {reason}. Nothing of it was kept unless its commit was answered; begin a new one."
	},
	SQL_CONFLICT: {
		status: 409,
		retry: !1,
		text: "What the transaction had read was changed by another before its commit. Nothing of it was done; run it again from its beginning."
	},
	SQL_RECOVER_RISK: {
		status: 409,
		retry: !1,
		text: "Recovering {database} makes it go on from {survivor}, which has everything up to index {index}. What the {lost} voters that are gone acknowledged after that is lost, and they must not come back as they were. To do it: confirm={database}"
	},
	SQL_MIGRATION: {
		status: 409,
		retry: !1,
		text: "The migrations are refused: {reason}."
	},
	SQL_CORRUPT: {
		status: 500,
		retry: !1,
		text: "The database {database} is damaged: {reason}. Restore a backup: p2pctl sql restore {database} FILE"
	},
	SQL_PLACEMENT_STALE: {
		status: 503,
		retry: !0,
		text: "Node {peerId} does not hold the database {database}. Ask again: it has moved."
	}
}, l = {
	INTERNAL: {
		status: 500,
		retry: !1,
		text: "Something failed inside the node. Look for requestId {requestId} in its log."
	},
	BAD_REQUEST: {
		status: 400,
		retry: !1,
		text: "{reason}"
	},
	AUTH_REQUIRED: {
		status: 401,
		retry: !1,
		text: "This needs a token. Send \"authorization: Bearer <token>\"; the operator's token is in the file \"token\" of the node's home."
	},
	GRANT_MISSING: {
		status: 403,
		retry: !1,
		text: "The token lacks the grant {grant}. Ask the operator for a token that has it."
	},
	ORIGIN_REFUSED: {
		status: 403,
		retry: !1,
		text: "Requests from the page {origin} are refused. Open the page that the node itself serves (p2pctl open)."
	},
	ROUTE_NOT_FOUND: {
		status: 404,
		retry: !1,
		text: "There is nothing at {method} {path}. See /openapi.json for what there is."
	},
	CLIENTS_NOT_SERVED: {
		status: 503,
		retry: !0,
		text: "This member serves no clients: no snapshot gives it the capability gateway. Ask a member that has it."
	},
	METHOD_NOT_SERVED: {
		status: 404,
		retry: !1,
		text: "There is no method {method} on this socket. See /openapi.json: a method is an operationId, as in kv.put."
	},
	STREAM_NOT_SERVED: {
		status: 404,
		retry: !1,
		text: "There is nothing of kind {kind} to subscribe to. There is: {known}."
	},
	BODY_TOO_LARGE: {
		status: 413,
		retry: !1,
		text: "The body is larger than {maxBytes} bytes."
	},
	TIMEOUT: {
		status: 504,
		retry: !0,
		text: "{what} did not answer within {timeoutMs} ms. Try again; p2pctl status shows which nodes are reachable."
	},
	CANCELLED: {
		status: 499,
		retry: !1,
		text: "The caller gave up before the answer was ready."
	},
	OVERLOADED: {
		status: 429,
		retry: !0,
		text: "{what} has too much in flight. Wait a moment and try again."
	},
	PEER_UNREACHABLE: {
		status: 503,
		retry: !0,
		text: "Node {peerId} cannot be reached. p2pctl peers shows what is connected."
	},
	PEER_PROTOCOL: {
		status: 502,
		retry: !1,
		text: "Node {peerId} broke the protocol: {reason}. Its connection was closed."
	},
	METHOD_UNKNOWN: {
		status: 501,
		retry: !1,
		text: "Node {peerId} does not know {method}. It may run another version."
	},
	NOT_A_MEMBER: {
		status: 403,
		retry: !1,
		text: "Node {peerId} is not a member of this system. An admin adds it with: p2pctl members add {peerId}"
	},
	IDENTITY_DUPLICATE: {
		status: 503,
		retry: !1,
		text: "Another live process uses the key of node {peerId}, so both stop serving. Stop one of them, give it a key of its own, and restart the other."
	},
	STATE_UNCONFIGURED: {
		status: 503,
		retry: !0,
		text: "This node is not in the membership yet, so it serves no data. An admin adds it with: p2pctl members add {peerId}"
	},
	STORE_FAILED: {
		status: 500,
		retry: !1,
		text: "The node's store failed: {reason}. Its log says more; p2pctl doctor checks the disk."
	},
	STORE_CORRUPT: {
		status: 500,
		retry: !1,
		text: "The database {file} is damaged: {reason}. Restore a backup, or move its folder away: the node then starts empty and gets its share again from the other nodes."
	},
	STORE_TOO_NEW: {
		status: 500,
		retry: !1,
		text: "The database {file} was written by a newer version ({owner} has form {found}, this version knows {known}). Start that version again, or restore a backup made before the update."
	},
	HOME_UNWRITABLE: {
		status: 500,
		retry: !1,
		text: "The folder {folder} cannot be used: {reason}. Give it to the user that runs the node, or choose another with --home."
	},
	HOME_IN_USE: {
		status: 409,
		retry: !1,
		text: "The folder {folder} is in use by process {pid}. Stop that process, or choose another folder with --home."
	},
	SECRET_FILE_EXPOSED: {
		status: 500,
		retry: !1,
		text: "The file {file} holds a secret, and other users can read or change it. Run: chmod 600 {file}"
	},
	SECRET_FILE_UNREADABLE: {
		status: 500,
		retry: !1,
		text: "The secret in {file} cannot be read: {reason}. Give the file to the user that runs the node, or correct the setting that names it."
	},
	KEY_FILE_INVALID: {
		status: 500,
		retry: !1,
		text: "The key file {file} is damaged: {reason}. Restore it from a backup; without one, move it away: the node then gets a new key, and an admin must add it as a new member."
	},
	KEY_PASSPHRASE_NEEDED: {
		status: 500,
		retry: !1,
		text: "The key file {file} is sealed by a passphrase. Name a file that holds it in node.passphrase_file (--node-passphrase-file)."
	},
	KEY_PASSPHRASE_WRONG: {
		status: 500,
		retry: !1,
		text: "The passphrase does not open the key file {file}. Correct the file that node.passphrase_file names."
	},
	CONFIG_INVALID: {
		status: 400,
		retry: !1,
		text: "{place}: {key} {reason}"
	},
	CBOR_MALFORMED: {
		status: 400,
		retry: !1,
		text: "The CBOR body cannot be read: {reason}. Send one definite-length value with text keys, as RFC 8949 describes."
	},
	CBOR_UNENCODABLE: {
		status: 500,
		retry: !1,
		text: "The value cannot be written as CBOR: it holds {reason}. Use null, booleans, 64-bit integers, floats, well-formed text, bytes, arrays and plain objects."
	},
	PEER_ID_INVALID: {
		status: 400,
		retry: !1,
		text: "Not the peer id of an Ed25519 key: {peerId}. It begins with 12D3KooW; p2pctl peers shows those that are known."
	},
	VERSION_INVALID: {
		status: 400,
		retry: !1,
		text: "Not a version: {version}. Send one exactly as the node gave it."
	},
	ADMISSION_UNSUPPORTED: {
		status: 400,
		retry: !1,
		text: "The genesis founds a system with admission {admission}, which this release cannot keep. Found it with admission closed, or run a release that has open systems."
	},
	DOCUMENT_MALFORMED: {
		status: 400,
		retry: !1,
		text: "The {kind} document is malformed: {reason}."
	},
	DOCUMENT_SIGNATURE: {
		status: 403,
		retry: !1,
		text: "The {kind} document is not signed by those who may: {reason}."
	},
	HOST_REFUSED: {
		status: 403,
		retry: !1,
		text: "Requests for the host {host} are refused, since a foreign page could send them. Use the address the node listens on, or add the name to http.allowed_hosts."
	},
	METHOD_NOT_ALLOWED: {
		status: 405,
		retry: !1,
		text: "{path} does not take {method}, only {allowed}."
	},
	MEDIA_TYPE_UNSUPPORTED: {
		status: 415,
		retry: !1,
		text: "The body must be {expected}; set the content-type header to that."
	},
	URL_TOO_LONG: {
		status: 414,
		retry: !1,
		text: "The URL is longer than {maxBytes} bytes."
	},
	HEADERS_TOO_LARGE: {
		status: 431,
		retry: !1,
		text: "The request's headers are larger than {maxBytes} bytes."
	},
	REQUEST_TOO_SLOW: {
		status: 408,
		retry: !0,
		text: "The request did not arrive in time. Send it whole, without long pauses."
	},
	PORT_IN_USE: {
		status: 409,
		retry: !1,
		text: "Port {port} on {host} is taken by {holder}. End that program, or choose another port with --port (http.listen in node.toml)."
	},
	LISTEN_FAILED: {
		status: 500,
		retry: !1,
		text: "Cannot listen on {host}:{port}: {reason}. Choose another address with http.listen in node.toml."
	},
	TOKEN_FILE_INVALID: {
		status: 500,
		retry: !1,
		text: "The token file {file} is unusable: {reason}. Move it away and start again: a new token is made."
	},
	SESSION_LINK_INVALID: {
		status: 410,
		retry: !1,
		text: "This link was used already or is older than 60 s. Print a new one with: p2pctl open"
	},
	...e,
	...n,
	...r,
	RECORD_SIGNATURE: {
		status: 403,
		retry: !1,
		text: "The record is not signed by a member who may write it: {reason}."
	},
	PLACEMENT_STALE: {
		status: 503,
		retry: !0,
		text: "Node {peerId} knows another membership (epoch {epoch}), so the replicas may differ. The nodes tell each other; try again."
	},
	RECONCILIATION_MALFORMED: {
		status: 400,
		retry: !1,
		text: "A message by which replicas compare what they hold is refused: {reason}."
	},
	REPLICA_LEARNING: {
		status: 503,
		retry: !0,
		text: "This replica lost its disk or runs on an old copy of it, and counts in no majority until it has caught up. Try again."
	},
	VERSION_AHEAD: {
		status: 503,
		retry: !0,
		text: "The version lies more than {maxAheadMs} ms in the future. Set the clocks of the nodes (p2pctl doctor), then try again."
	},
	STORE_FULL: {
		status: 507,
		retry: !0,
		text: "A disk is full; reads go on, new writes are refused. Free some space there, raise its store.max_bytes, or add a node."
	},
	MEMBERS_SNAPSHOT_NONE: {
		status: 404,
		retry: !1,
		text: "This node knows no snapshot yet. An admin pushes one with: p2pctl members push FILE"
	},
	...i,
	...a,
	...t,
	...o,
	...s,
	...c,
	COMMAND_USAGE: {
		status: 400,
		retry: !1,
		text: "{reason}"
	},
	NODE_UNREACHABLE: {
		status: 503,
		retry: !0,
		text: "No node answers at {url}: {reason}. Look whether it runs, or name another with --url or --home."
	},
	NODE_NOT_CHOSEN: {
		status: 404,
		retry: !1,
		text: "There is no node to talk to: {looked}. Start a system with: p2pctl dev, or name a node with --url or --home."
	},
	NODE_START_FAILED: {
		status: 500,
		retry: !1,
		text: "{name} did not start: {reason}"
	},
	FILE_UNREADABLE: {
		status: 400,
		retry: !1,
		text: "{file} cannot be read: {reason}."
	},
	HOME_UNUSABLE: {
		status: 400,
		retry: !1,
		text: "{home} cannot be used: {reason}."
	},
	DEV_ALREADY_RUNNING: {
		status: 409,
		retry: !1,
		text: "A development system already runs in {home} (pid {pid}). Use it, end it with: p2pctl dev stop, or start another in a folder of its own with --home DIR --port N"
	},
	DEV_NOT_RUNNING: {
		status: 409,
		retry: !1,
		text: "No development system runs in {home}. Start it with: p2pctl dev"
	},
	DEV_PORT_BUSY: {
		status: 409,
		retry: !1,
		text: "Port {port} on 127.0.0.1, wanted by {name}, is held by {holder}. End that, or take other ports: p2pctl dev --port {suggestion}"
	},
	DEV_NODE_COUNT: {
		status: 409,
		retry: !1,
		text: "The system in {home} was founded with {founded} nodes, not {asked}. {advice}"
	},
	DEV_NODE_UNKNOWN: {
		status: 404,
		retry: !1,
		text: "The development system has no node {name}. p2pctl status shows its nodes."
	},
	NODE_CLOSING: {
		status: 503,
		retry: !0,
		text: "This node is shutting down. Ask another node, or wait until it is back."
	},
	ANSWER_UNEXPECTED: {
		status: 502,
		retry: !1,
		text: "What answers at {url} is no P2POS node, or one of another version: {reason}."
	},
	CLIENT_CLOSED: {
		status: 499,
		retry: !1,
		text: "This client was closed. Make a new one with connect()."
	}
}, u = class extends Error {
	name = "P2posError";
	code;
	details;
	constructor(e, t = {}, n) {
		super(p(l[e].text, t), n), this.code = e, this.details = t;
	}
	get status() {
		return l[this.code].status;
	}
	get retry() {
		return l[this.code].retry;
	}
};
function d(e) {
	return typeof e == "string" && Object.hasOwn(l, e);
}
function f(e, t) {
	return e instanceof u && (t === void 0 || e.code === t);
}
function p(e, t) {
	return e.replace(/\{(\w+)\}/g, (e, n) => n in t ? String(t[n]) : e);
}
// packages/protocol/src/time.ts
var m = /^(0|[1-9]\d{0,15})(ms|s|m|h|d)$/, h = {
	ms: 1,
	s: 1e3,
	m: 6e4,
	h: 36e5,
	d: 864e5
};
function g(e) {
	let t = typeof e == "string" ? m.exec(e) : null, n = t ? Number(t[1]) * h[t[2]] : NaN;
	if (Number.isSafeInteger(n)) return n;
	throw new u("BAD_REQUEST", { reason: `Not a duration: ${v(e)}. Write a whole number and ms, s, m, h or d, e.g. 60s.` });
}
function _(e) {
	if (!Number.isSafeInteger(e) || e < 0) throw new u("BAD_REQUEST", { reason: `Not a duration in whole milliseconds: ${e}.` });
	if (e === 0) return "0s";
	for (let t of [
		"d",
		"h",
		"m",
		"s"
	]) if (e % h[t] === 0) return `${e / h[t]}${t}`;
	return `${e}ms`;
}
function v(e) {
	return JSON.stringify(String(e).slice(0, 40));
}
// packages/protocol/src/encoding/base64.ts
var ee = 32768;
function y(e) {
	let t = "";
	for (let n = 0; n < e.length; n += ee) t += String.fromCharCode(...e.subarray(n, n + ee));
	return btoa(t);
}
function te(e) {
	let t = atob(e), n = new Uint8Array(t.length);
	for (let e = 0; e < t.length; e++) n[e] = t.charCodeAt(e);
	return n;
}
// packages/protocol/src/sql-wire.ts
var b = {
	Infinity: Infinity,
	"-Infinity": -Infinity
};
function x(e) {
	return typeof e != "object" || !e ? e : "$int" in e ? ne(BigInt(e.$int)) : "$real" in e ? b[e.$real] : te(e.$blob);
}
function S(e) {
	if (typeof e == "bigint") {
		let t = ne(e);
		return typeof t == "number" ? t : { $int: t.toString() };
	}
	return typeof e == "number" && !Number.isFinite(e) ? { $real: String(e) } : e instanceof Uint8Array ? { $blob: y(e) } : e;
}
function ne(e) {
	return e >= -(2 ** 53 - 1) && e <= 2 ** 53 - 1 ? Number(e) : e;
}
function re(e) {
	return e.map((e) => e.map(x));
}
function ie(e) {
	return e.map((e) => e.map(S));
}
function ae(e) {
	return Array.isArray(e) ? e.map(x) : Object.fromEntries(Object.entries(e).map(([e, t]) => [e, x(t)]));
}
function oe(e) {
	return Array.isArray(e) ? e.map(S) : Object.fromEntries(Object.entries(e).map(([e, t]) => [e, S(t)]));
}
// packages/protocol/src/contract/codecs.ts
function C(e, t) {
	return {
		decode: e,
		encode: t
	};
}
var se = {
	duration: C(g, _),
	count: C((e) => Number(e), String),
	flag: C((e) => e === "1", (e) => e ? "1" : "0"),
	etag: C((e) => e.slice(1, -1), (e) => `"${e}"`),
	instant: C((e) => Date.parse(e), (e) => new Date(e).toISOString()),
	blob: C(({ $blob: e }) => te(e), (e) => ({ $blob: y(e) })),
	rows: C(re, ie),
	params: C(ae, oe),
	rowId: C(x, S)
};
function ce(e) {
	return e.replace(/[\u007f-\uffff]/g, (e) => `\\u${e.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
// packages/protocol/src/encoding/bytes.ts
function le(e, t) {
	let n = Math.min(e.length, t.length);
	for (let r = 0; r < n; r++) {
		let n = e[r] - t[r];
		if (n !== 0) return n;
	}
	return e.length - t.length;
}
function ue(...e) {
	let t = new Uint8Array(e.reduce((e, t) => e + t.length, 0)), n = 0;
	for (let r of e) t.set(r, n), n += r.length;
	return t;
}
// packages/protocol/src/encoding/cbor-shape.ts
var de = new TextEncoder(), fe = 1024, pe = 32, me = 64, he = Array(fe).fill(void 0);
function ge(e) {
	if (e.length > pe) return ve(e);
	let t = e.length;
	for (let n of e) t = Math.imul(t, 31) + n.length * 128 + n.charCodeAt(0) | 0;
	let n = (t ^ t >>> 10) & 1023, r = he[n];
	if (r !== void 0 && _e(r.keys, e)) return r;
	let i = ve(e);
	return i && e.every(({ length: e }) => e <= me) && (he[n] = i), i;
}
function _e(e, t) {
	if (e.length !== t.length) return !1;
	for (let n = 0; n < e.length; n++) if (e[n] !== t[n]) return !1;
	return !0;
}
function ve(e) {
	if (!e.every((e) => e.isWellFormed())) return;
	let t = e.map((e) => ({
		key: e,
		encoded: ye(de.encode(e))
	}));
	return t.sort((e, t) => le(e.encoded, t.encoded)), {
		keys: e,
		sorted: t.map(({ key: e }) => e),
		encoded: t.map(({ encoded: e }) => e)
	};
}
function ye(e) {
	let { length: t } = e;
	return ue(t < 24 ? Uint8Array.of(96 | t) : t < 256 ? Uint8Array.of(120, t) : t < 65536 ? Uint8Array.of(121, t >>> 8, t) : Uint8Array.of(122, t >>> 24, t >>> 16, t >>> 8, t), e);
}
var w = 8192, be = 64, xe = 72, Se = 24, Ce = 18446744073709551615n, we = 9007199254740991, Te = new TextEncoder(), T = /* @__PURE__ */ new DataView(/* @__PURE__ */ new ArrayBuffer(8)), E = new Uint8Array(w), D = 0, Ee = !1, O = E, k = 0, A = 0;
function De(e) {
	if (Ee) throw TypeError("encodeCbor was called by a getter of the value that it encodes");
	Ee = !0, O = E, k = D, A = D;
	try {
		return Ae(e, 0), Oe();
	} finally {
		Ee = !1, O = E;
	}
}
function Oe() {
	if (A - k <= be) return O.slice(k, A);
	if (O === E) D = A;
	else if (O.length === w) E = O, D = A;
	else if (O.length - A > 1024) return O.slice(k, A);
	return new Uint8Array(O.buffer, k, A - k);
}
function j(e) {
	A + e > O.length && ke(A - k, e);
}
function ke(e, t) {
	let n = e + t, r = n <= w / 2 ? w : Math.max(O.length * 2, n + 1024), i = new Uint8Array(r);
	i.set(O.subarray(k, A)), O = i, k = 0, A = e;
}
function M(e) {
	return new u("CBOR_UNENCODABLE", { reason: e });
}
function Ae(e, t) {
	if (typeof e == "string") Fe(e);
	else if (typeof e == "number") je(e);
	else if (typeof e == "boolean") j(1), O[A++] = e ? 245 : 244;
	else if (typeof e == "bigint") Me(e);
	else if (typeof e != "object") throw M(`a value of type ${typeof e}`);
	else if (e === null) j(1), O[A++] = 246;
	else if (e instanceof Uint8Array) N(64, e.length), Re(e);
	else if (t >= 32) throw M("nesting deeper than 32");
	else if (Array.isArray(e)) {
		N(128, e.length);
		for (let n = 0; n < e.length; n++) Ae(e[n], t + 1);
	} else Le(e, t);
}
function N(e, t) {
	j(9), t < 24 ? O[A++] = e | t : t < 256 ? (O[A++] = e | 24, O[A++] = t) : t < 65536 ? (O[A++] = e | 25, O[A++] = t >>> 8, O[A++] = t) : t < 4294967296 ? (O[A++] = e | 26, P(t)) : (O[A++] = e | 27, P(Math.floor(t / 4294967296)), P(t >>> 0));
}
function P(e) {
	O[A++] = e >>> 24, O[A++] = e >>> 16, O[A++] = e >>> 8, O[A++] = e;
}
function je(e) {
	Number.isInteger(e) && e <= we && e >= -9007199254740991 ? e >= 0 ? N(0, e) : N(32, -1 - e) : Ne(e);
}
function Me(e) {
	let t = e < 0n ? -1n - e : e;
	if (t > Ce) throw M("an integer beyond 64 bits");
	let n = e < 0n ? 32 : 0;
	t <= we ? N(n, Number(t)) : (j(9), O[A++] = n | 27, P(Number(t >> 32n)), P(Number(t & 4294967295n)));
}
function Ne(e) {
	if (j(9), T.setFloat32(0, e), !Object.is(T.getFloat32(0), e)) {
		T.setFloat64(0, e), O[A++] = 251, P(T.getUint32(0)), P(T.getUint32(4));
		return;
	}
	let t = Number.isNaN(e) ? 32256 : Pe(T.getUint32(0));
	t < 0 ? (O[A++] = 250, P(T.getUint32(0))) : (O[A++] = 249, O[A++] = t >>> 8, O[A++] = t);
}
function Pe(e) {
	let t = e >>> 16 & 32768, n = (e >>> 23 & 255) - 127, r = e & 8388607;
	if (n === 128) return r === 0 ? t | 31744 : -1;
	if (n >= -14 && n <= 15) return r & 8191 ? -1 : t | n + 15 << 10 | r >>> 13;
	if (n < -24 || n > 15) return -1;
	let i = -n - 1, a = r | 8388608;
	return a & (1 << i) - 1 ? -1 : t | a >>> i;
}
function Fe(e) {
	let t = e.length;
	if (t <= xe) {
		let n = A - k;
		N(96, t), j(t);
		let r = O, i = A, a = 0;
		for (; a < t; a++) {
			let t = e.charCodeAt(a);
			if (t >= 128) break;
			r[i++] = t;
		}
		if (a === t) {
			A = i;
			return;
		}
		A = k + n;
	}
	Ie(e);
}
function Ie(e) {
	j(9 + e.length * 3);
	let t = A;
	N(96, e.length);
	let n = A, { written: r } = Te.encodeInto(e, O.subarray(n));
	if (r !== e.length) {
		if (!e.isWellFormed()) throw M("text with a lone surrogate");
		A = t, N(96, r), A !== n && Te.encodeInto(e, O.subarray(A));
	}
	A += r;
}
function Le(e, t) {
	let n = Object.getPrototypeOf(e);
	if (n !== Object.prototype && n !== null) throw M(`an instance of ${String(n?.constructor?.name)}`);
	let r = Object.keys(e);
	if (r.length === 0) {
		N(160, 0);
		return;
	}
	let i = ge(r);
	if (!i) throw M("text with a lone surrogate");
	let a = r.length;
	for (let t of i.sorted) e[t] === void 0 && a--;
	N(160, a);
	for (let n = 0; n < r.length; n++) {
		let r = e[i.sorted[n]];
		r !== void 0 && (Re(i.encoded[n]), Ae(r, t + 1));
	}
}
function Re(e) {
	let { length: t } = e;
	if (j(t), t > Se) O.set(e, A);
	else for (let n = 0; n < t; n++) O[A + n] = e[n];
	A += t;
}
// packages/protocol/src/encoding/cbor-decoder.ts
var F = class extends Error {}, ze = 24, Be = 32, I = 8192, Ve = 64, He = new Uint8Array(I), L = 0, Ue = new TextDecoder("utf-8", {
	fatal: !0,
	ignoreBOM: !0
}), We = Array(1024).fill(void 0), Ge = /* @__PURE__ */ new Uint8Array(), R = Ge, Ke, z = 0, B = 0, V = 0, qe = !1;
function Je(e, t, n = !1) {
	R = e.constructor === Uint8Array ? e : new Uint8Array(e.buffer, e.byteOffset, e.byteLength), z = 0, B = e.length, V = t, qe = n, Ke = void 0;
	try {
		let e = Xe(0);
		if (z !== B) throw new F(`${B - z} bytes follow the value`);
		return e;
	} finally {
		R = Ge;
	}
}
function Ye() {
	return Ke ??= new DataView(R.buffer, R.byteOffset, R.byteLength), Ke;
}
function H(e) {
	let t = z;
	if (e > B - t) throw new F("it ends early");
	return z = t + e, t;
}
function Xe(e) {
	if (--V < 0) throw new F("it holds too many items");
	if (z >= B) throw new F("it ends early");
	let t = R[z++], n = t & 31;
	switch (t >>> 5) {
		case 0: return n < 24 ? n : Ze(n, !1);
		case 1: return n < 24 ? -1 - n : Ze(n, !0);
		case 2: {
			let e = U(n);
			return et(H(e), e);
		}
		case 3: return tt(U(n));
		case 4: return ot(U(n), e);
		case 5: return st(U(n), e);
		case 6: throw new F("it holds a tag");
		default: return lt(n);
	}
}
function U(e) {
	if (e < 24) return e;
	let t = Ze(e, !1);
	if (typeof t == "bigint") throw new F("it ends early");
	return t;
}
function Ze(e, t) {
	let n;
	if (e === 24) n = R[H(1)];
	else if (e === 25) {
		let e = H(2);
		n = R[e] << 8 | R[e + 1];
	} else if (e === 26) n = Qe(H(4));
	else if (e === 27) {
		let e = H(8), r = Qe(e);
		if (r >= 2097152) return $e(e, t);
		if (n = r * 4294967296 + Qe(e + 4), t && n === 2 ** 53 - 1) return $e(e, !0);
	} else if (e === 31) throw new F("it holds an indefinite length");
	else throw new F("it holds a reserved byte");
	return t ? -1 - n : n;
}
function Qe(e) {
	return R[e] * 16777216 + (R[e + 1] << 16 | R[e + 2] << 8 | R[e + 3]);
}
function $e(e, t) {
	let n = Ye().getBigUint64(e);
	return t ? -1n - n : n;
}
function et(e, t) {
	if (qe && t > I / 4 && t * 2 > B) return R.subarray(e, e + t);
	if (t <= Ve || t > I / 4) return R.slice(e, e + t);
	L + t > I && (He = new Uint8Array(I), L = 0);
	let n = L;
	return L += t, He.set(R.subarray(e, e + t), n), new Uint8Array(He.buffer, n, t);
}
function tt(e) {
	let t = H(e), n = t + e;
	if (e <= ze && nt(t, n)) return rt(t, n);
	try {
		return Ue.decode(R.subarray(t, n));
	} catch {
		throw new F("it holds text that is not UTF-8");
	}
}
function nt(e, t) {
	let n = 0;
	for (let r = e; r < t; r++) n |= R[r];
	return n < 128;
}
function rt(e, t) {
	let n = R, r = "", i = e;
	for (; i + 8 <= t; i += 8) r += String.fromCharCode(n[i], n[i + 1], n[i + 2], n[i + 3], n[i + 4], n[i + 5], n[i + 6], n[i + 7]);
	for (; i < t; i++) r += String.fromCharCode(n[i]);
	return r;
}
function it() {
	if (--V < 0) throw new F("it holds too many items");
	if (z >= B) throw new F("it ends early");
	let e = R[z++];
	if (e >>> 5 != 3) throw new F("a map key is not text");
	let t = U(e & 31);
	if (t > Be || t > B - z) return tt(t);
	let n = t;
	for (let e = z; e < z + t; e++) n = Math.imul(n, 31) + R[e] | 0;
	let r = (n ^ n >>> 10) & 1023, i = We[r];
	if (i !== void 0 && i.length === t && at(i, z)) return z += t, i;
	let a = tt(t);
	return a.length === t && (We[r] = a), a;
}
function at(e, t) {
	for (let n = 0; n < e.length; n++) if (e.charCodeAt(n) !== R[t + n]) return !1;
	return !0;
}
function ot(e, t) {
	if (t >= 32) throw new F("it nests deeper than 32");
	if (e > B - z) throw new F("it ends early");
	let n = [];
	for (let r = 0; r < e; r++) n.push(Xe(t + 1));
	return n;
}
function st(e, t) {
	if (t >= 32) throw new F("it nests deeper than 32");
	if (e * 2 > B - z) throw new F("it ends early");
	let n = {};
	for (let r = 0; r < e; r++) {
		let e = it();
		if (n[e] !== void 0 && Object.hasOwn(n, e)) throw new F(`the key ${ct(e)} comes twice`);
		let r = Xe(t + 1);
		e === "__proto__" ? Object.defineProperty(n, e, {
			value: r,
			enumerable: !0,
			configurable: !0,
			writable: !0
		}) : n[e] = r;
	}
	return n;
}
function ct(e) {
	return JSON.stringify(e.length > 40 ? `${e.slice(0, 40)}…` : e);
}
function lt(e) {
	switch (e) {
		case 20: return !1;
		case 21: return !0;
		case 22: return null;
		case 25: return ut(H(2));
		case 26: return Ye().getFloat32(H(4));
		case 27: return Ye().getFloat64(H(8));
		case 31: throw new F("it holds an indefinite length");
		default: throw new F("it holds an unknown simple value");
	}
}
function ut(e) {
	let t = R[e] << 8 | R[e + 1], n = t >>> 10 & 31, r = t & 1023, i = n === 0 ? r * 2 ** -24 : n === 31 ? r === 0 ? Infinity : NaN : (1 + r / 1024) * 2 ** (n - 15);
	return t & 32768 ? -i : i;
}
// packages/protocol/src/encoding/cbor.ts
var dt = 4194304, ft = 262144;
function pt(e, { maxBytes: t = dt, shares: n = !1 } = {}) {
	if (e.length > t) throw new u("BODY_TOO_LARGE", { maxBytes: t });
	try {
		return Je(e, ft, n);
	} catch (e) {
		throw e instanceof F ? new u("CBOR_MALFORMED", { reason: e.message }) : e;
	}
}
// packages/protocol/src/contract/bounds.ts
var mt = "/v1/ws", ht = "p2pos.cbor", gt = 2097152, _t = 2e4, vt = 1e3, yt = {
	path: "path segment",
	query: "query parameter",
	header: "header"
};
function bt(e, { name: t, place: n, wireName: r }, i) {
	let a = e.invalid?.[t];
	return a ? new u(a, {
		name: r,
		reason: i
	}) : new u("BAD_REQUEST", {
		name: r,
		reason: `The ${yt[n]} ${r} is refused: ${i}.`
	});
}
// packages/sdk/src/apps.ts
function xt(e) {
	return {
		list: async (t) => (await e("apps.list", {}, t)).apps,
		get: (t, n) => e("apps.get", { app: t }, n),
		put: (t, { quotas: n } = {}, r) => e("apps.put", {
			app: t,
			body: { ...n && { quotas: n } }
		}, r),
		suspend: (t, n) => e("apps.suspend", { app: t }, n),
		resume: (t, n) => e("apps.resume", { app: t }, n),
		delete: (t, { confirm: n }, r) => e("apps.delete", {
			app: t,
			confirm: n
		}, r),
		usage: (t, n) => e("apps.usage", { app: t }, n),
		tokens: {
			list: async (t, n) => (await e("apps.listTokens", { app: t }, n)).tokens,
			create: (t, { grants: n, label: r, expiresInMs: i }, a) => e("apps.createToken", {
				app: t,
				body: {
					grants: [...n],
					...r !== void 0 && { label: r },
					...i !== void 0 && { expiresIn: i }
				}
			}, a),
			rotate: (t, n, { graceMs: r } = {}, i) => e("apps.rotateToken", {
				app: t,
				token: n,
				...r !== void 0 && { graceMs: r }
			}, i),
			revoke: (t, n, r) => e("apps.revokeToken", {
				app: t,
				token: n
			}, r)
		}
	};
}
function St(e) {
	return async (t, n) => (await e("apps.audit", { ...t !== void 0 && { limit: t } }, n)).entries;
}
// packages/sdk/src/contract/operations.ts
var W = {
	"kv.put": {
		method: "PUT",
		path: "/v1/kv/{key+}",
		fields: [
			[
				"key",
				"path",
				"key",
				"text"
			],
			[
				"ttlMs?",
				"query",
				"ttl",
				"duration"
			],
			[
				"explain?",
				"query",
				"explain",
				"flag"
			],
			[
				"cas?",
				"query",
				"cas",
				"flag"
			],
			[
				"receipt?",
				"query",
				"receipt",
				{ or: ["plain", "signed"] }
			],
			[
				"idempotencyKey?",
				"header",
				"idempotency-key",
				"text"
			],
			[
				"ifMatch?",
				"header",
				"if-match",
				"etag"
			],
			[
				"ifNoneMatch?",
				"header",
				"if-none-match",
				{ or: ["*"] }
			]
		],
		body: { bytes: "application/octet-stream" },
		output: { json: { of: {
			key: "text",
			version: "text",
			replicas: ["text"],
			durable: "integer",
			"previous?": { null: "text" },
			"explain?": { of: {
				slot: "integer",
				replicas: ["text"],
				asked: ["text"],
				answered: [{ of: {
					peerId: "text",
					ms: "number",
					result: "text"
				} }]
			} },
			"receipt?": { of: {
				systemId: "text",
				epoch: "integer",
				header: "blob",
				statements: [{ of: {
					peerId: "text",
					at: "integer",
					size: "integer",
					index: "integer",
					path: "blob",
					signature: "blob"
				} }]
			} }
		} } },
		invalid: { key: "KV_KEY_INVALID" },
		repeatable: !0
	},
	"kv.get": {
		method: "GET",
		path: "/v1/kv/{key+}",
		fields: [
			[
				"key",
				"path",
				"key",
				"text"
			],
			[
				"explain?",
				"query",
				"explain",
				"flag"
			],
			[
				"cas?",
				"query",
				"cas",
				"flag"
			],
			[
				"consistency?",
				"header",
				"x-p2pos-consistency",
				{ or: [
					"one",
					"quorum",
					"all"
				] }
			]
		],
		output: {
			kind: "bytes",
			fields: [
				[
					"version",
					"header",
					"etag",
					"etag"
				],
				[
					"expiresAt?",
					"header",
					"x-p2pos-expires-at",
					"instant"
				],
				[
					"explain?",
					"header",
					"x-p2pos-explain",
					{ json: { of: {
						slot: "integer",
						replicas: ["text"],
						asked: ["text"],
						answered: [{ of: {
							peerId: "text",
							ms: "number",
							result: "text"
						} }]
					} } }
				]
			]
		},
		invalid: { key: "KV_KEY_INVALID" },
		repeatable: !0
	},
	"kv.head": {
		method: "HEAD",
		path: "/v1/kv/{key+}",
		fields: [
			[
				"key",
				"path",
				"key",
				"text"
			],
			[
				"explain?",
				"query",
				"explain",
				"flag"
			],
			[
				"cas?",
				"query",
				"cas",
				"flag"
			],
			[
				"consistency?",
				"header",
				"x-p2pos-consistency",
				{ or: [
					"one",
					"quorum",
					"all"
				] }
			]
		],
		output: {
			kind: "empty",
			fields: [
				[
					"version",
					"header",
					"etag",
					"etag"
				],
				[
					"expiresAt?",
					"header",
					"x-p2pos-expires-at",
					"instant"
				],
				[
					"explain?",
					"header",
					"x-p2pos-explain",
					{ json: { of: {
						slot: "integer",
						replicas: ["text"],
						asked: ["text"],
						answered: [{ of: {
							peerId: "text",
							ms: "number",
							result: "text"
						} }]
					} } }
				],
				[
					"size",
					"header",
					"content-length",
					"count"
				]
			]
		},
		invalid: { key: "KV_KEY_INVALID" },
		repeatable: !0
	},
	"kv.delete": {
		method: "DELETE",
		path: "/v1/kv/{key+}",
		fields: [
			[
				"key",
				"path",
				"key",
				"text"
			],
			[
				"explain?",
				"query",
				"explain",
				"flag"
			],
			[
				"cas?",
				"query",
				"cas",
				"flag"
			],
			[
				"receipt?",
				"query",
				"receipt",
				{ or: ["plain", "signed"] }
			],
			[
				"idempotencyKey?",
				"header",
				"idempotency-key",
				"text"
			],
			[
				"ifMatch?",
				"header",
				"if-match",
				"etag"
			],
			[
				"ifNoneMatch?",
				"header",
				"if-none-match",
				{ or: ["*"] }
			]
		],
		output: { json: { of: {
			key: "text",
			version: "text",
			replicas: ["text"],
			durable: "integer",
			"previous?": { null: "text" },
			"explain?": { of: {
				slot: "integer",
				replicas: ["text"],
				asked: ["text"],
				answered: [{ of: {
					peerId: "text",
					ms: "number",
					result: "text"
				} }]
			} },
			"receipt?": { of: {
				systemId: "text",
				epoch: "integer",
				header: "blob",
				statements: [{ of: {
					peerId: "text",
					at: "integer",
					size: "integer",
					index: "integer",
					path: "blob",
					signature: "blob"
				} }]
			} },
			existed: "boolean"
		} } },
		invalid: { key: "KV_KEY_INVALID" },
		repeatable: !0
	},
	"kv.list": {
		method: "GET",
		path: "/v1/kv",
		fields: [
			[
				"prefix?",
				"query",
				"prefix",
				"text"
			],
			[
				"limit?",
				"query",
				"limit",
				"count"
			],
			[
				"cursor?",
				"query",
				"cursor",
				"text"
			],
			[
				"partial?",
				"query",
				"partial",
				"flag"
			],
			[
				"cas?",
				"query",
				"cas",
				"flag"
			]
		],
		output: { json: { of: {
			keys: ["text"],
			cursor: { null: "text" },
			"missingSlots?": ["integer"]
		} } },
		invalid: {
			prefix: "KV_KEY_INVALID",
			cursor: "KV_CURSOR_INVALID"
		},
		repeatable: !0
	},
	"kv.lock": {
		method: "POST",
		path: "/v1/kv-locks/{key+}",
		fields: [
			[
				"key",
				"path",
				"key",
				"text"
			],
			[
				"holder",
				"query",
				"holder",
				"text"
			],
			[
				"ttlMs",
				"query",
				"ttl",
				"duration"
			]
		],
		output: { json: { of: {
			held: "boolean",
			token: { null: "integer" }
		} } },
		invalid: { key: "KV_KEY_INVALID" },
		repeatable: !1
	},
	"kv.renewLock": {
		method: "PUT",
		path: "/v1/kv-locks/{key+}",
		fields: [
			[
				"key",
				"path",
				"key",
				"text"
			],
			[
				"holder",
				"query",
				"holder",
				"text"
			],
			[
				"token",
				"query",
				"token",
				"count"
			],
			[
				"ttlMs",
				"query",
				"ttl",
				"duration"
			]
		],
		output: { json: { of: { held: "boolean" } } },
		invalid: { key: "KV_KEY_INVALID" },
		repeatable: !1
	},
	"kv.unlock": {
		method: "DELETE",
		path: "/v1/kv-locks/{key+}",
		fields: [
			[
				"key",
				"path",
				"key",
				"text"
			],
			[
				"holder",
				"query",
				"holder",
				"text"
			],
			[
				"token",
				"query",
				"token",
				"count"
			]
		],
		output: { json: { of: { released: "boolean" } } },
		invalid: { key: "KV_KEY_INVALID" },
		repeatable: !1
	},
	"pubsub.publish": {
		method: "POST",
		path: "/v1/pubsub/publish",
		fields: [
			[
				"topic",
				"query",
				"topic",
				"text"
			],
			[
				"ack?",
				"query",
				"ack",
				{ or: [
					"none",
					"one",
					"all"
				] }
			],
			[
				"receipt?",
				"query",
				"receipt",
				{ or: ["signed"] }
			]
		],
		body: { bytes: "application/octet-stream" },
		output: { json: { of: {
			id: "text",
			subscribers: "integer",
			clients: "integer",
			"receipt?": { of: {
				systemId: "text",
				delivery: "blob",
				statements: [{ of: {
					peerId: "text",
					at: "integer",
					clients: "integer",
					signature: "blob"
				} }]
			} }
		} } },
		invalid: { topic: "PUBSUB_TOPIC_INVALID" },
		repeatable: !1
	},
	"pubsub.topics": {
		method: "GET",
		path: "/v1/pubsub/topics",
		fields: [],
		output: { json: { of: { topics: [{ of: {
			pattern: "text",
			nodes: "integer"
		} }] } } },
		repeatable: !0
	},
	"pubsub.presence": {
		method: "GET",
		path: "/v1/pubsub/presence",
		fields: [[
			"topic",
			"query",
			"topic",
			"text"
		]],
		output: { json: { of: {
			topic: "text",
			nodes: [{ of: {
				peerId: "text",
				clients: "integer"
			} }]
		} } },
		invalid: { topic: "PUBSUB_TOPIC_INVALID" },
		repeatable: !0
	},
	"topics.append": {
		method: "POST",
		path: "/v1/pubsub/append",
		fields: [[
			"topic",
			"query",
			"topic",
			"text"
		], [
			"idempotencyKey?",
			"header",
			"idempotency-key",
			"text"
		]],
		body: { bytes: "application/octet-stream" },
		output: { json: { of: {
			topic: "text",
			sequence: "integer",
			token: "integer",
			subscribers: "integer"
		} } },
		invalid: { topic: "PUBSUB_TOPIC_INVALID" },
		repeatable: !0
	},
	"topics.replay": {
		method: "GET",
		path: "/v1/pubsub/replay",
		fields: [
			[
				"topic",
				"query",
				"topic",
				"text"
			],
			[
				"from?",
				"query",
				"from",
				"text"
			],
			[
				"limit?",
				"query",
				"limit",
				"count"
			]
		],
		output: { json: { of: {
			messages: [{ of: {
				sequence: "integer",
				publisher: "text",
				at: "text",
				data: "blob"
			} }],
			next: { null: "integer" },
			gone: "integer"
		} } },
		invalid: { topic: "PUBSUB_TOPIC_INVALID" },
		repeatable: !0
	},
	"topics.state": {
		method: "GET",
		path: "/v1/pubsub/retention",
		fields: [[
			"topic",
			"query",
			"topic",
			"text"
		]],
		output: { json: { of: {
			topic: "text",
			holder: { null: "text" },
			retention: { of: {
				ageMs: "integer",
				messages: "integer",
				bytes: "integer"
			} },
			first: "integer",
			next: "integer",
			bytes: "integer"
		} } },
		invalid: { topic: "PUBSUB_TOPIC_INVALID" },
		repeatable: !0
	},
	"topics.retain": {
		method: "PUT",
		path: "/v1/pubsub/retention",
		fields: [
			[
				"topic",
				"query",
				"topic",
				"text"
			],
			[
				"ageMs?",
				"query",
				"age",
				"duration"
			],
			[
				"messages?",
				"query",
				"messages",
				"count"
			],
			[
				"bytes?",
				"query",
				"bytes",
				"count"
			]
		],
		output: { json: { of: {
			topic: "text",
			holder: { null: "text" },
			retention: { of: {
				ageMs: "integer",
				messages: "integer",
				bytes: "integer"
			} },
			first: "integer",
			next: "integer",
			bytes: "integer"
		} } },
		invalid: { topic: "PUBSUB_TOPIC_INVALID" },
		repeatable: !0
	},
	"topics.acknowledge": {
		method: "POST",
		path: "/v1/pubsub/acknowledge",
		fields: [[
			"topic",
			"query",
			"topic",
			"text"
		], [
			"group",
			"query",
			"group",
			"text"
		]],
		body: { json: { of: { sequences: ["integer"] } } },
		output: { json: { of: { acknowledged: "integer" } } },
		invalid: { topic: "PUBSUB_TOPIC_INVALID" },
		repeatable: !0
	},
	"apps.list": {
		method: "GET",
		path: "/v1/apps",
		fields: [],
		output: { json: { of: { apps: [{ of: {
			app: "text",
			state: { or: [
				"active",
				"suspended",
				"deleting"
			] },
			createdAt: "instant",
			quotas: { of: {
				"requests?": "integer",
				"messages?": "integer",
				"storedBytes?": "integer",
				"databases?": "integer"
			} },
			tokens: "integer"
		} }] } } },
		repeatable: !0
	},
	"apps.put": {
		method: "PUT",
		path: "/v1/apps/{app}",
		fields: [[
			"app",
			"path",
			"app",
			"text"
		]],
		body: { json: { of: { "quotas?": { of: {
			"requests?": "integer",
			"messages?": "integer",
			"storedBytes?": "integer",
			"databases?": "integer"
		} } } } },
		output: { json: { of: {
			created: "boolean",
			app: { of: {
				app: "text",
				state: { or: [
					"active",
					"suspended",
					"deleting"
				] },
				createdAt: "instant",
				quotas: { of: {
					"requests?": "integer",
					"messages?": "integer",
					"storedBytes?": "integer",
					"databases?": "integer"
				} },
				tokens: "integer"
			} }
		} } },
		invalid: { app: "APP_NAME_INVALID" },
		repeatable: !0
	},
	"apps.get": {
		method: "GET",
		path: "/v1/apps/{app}",
		fields: [[
			"app",
			"path",
			"app",
			"text"
		]],
		output: { json: { of: {
			app: "text",
			state: { or: [
				"active",
				"suspended",
				"deleting"
			] },
			createdAt: "instant",
			quotas: { of: {
				"requests?": "integer",
				"messages?": "integer",
				"storedBytes?": "integer",
				"databases?": "integer"
			} },
			tokens: "integer"
		} } },
		invalid: { app: "APP_NAME_INVALID" },
		repeatable: !0
	},
	"apps.suspend": {
		method: "POST",
		path: "/v1/apps/{app}/suspend",
		fields: [[
			"app",
			"path",
			"app",
			"text"
		]],
		output: { json: { of: {
			app: "text",
			state: { or: [
				"active",
				"suspended",
				"deleting"
			] },
			createdAt: "instant",
			quotas: { of: {
				"requests?": "integer",
				"messages?": "integer",
				"storedBytes?": "integer",
				"databases?": "integer"
			} },
			tokens: "integer"
		} } },
		invalid: { app: "APP_NAME_INVALID" },
		repeatable: !0
	},
	"apps.resume": {
		method: "POST",
		path: "/v1/apps/{app}/resume",
		fields: [[
			"app",
			"path",
			"app",
			"text"
		]],
		output: { json: { of: {
			app: "text",
			state: { or: [
				"active",
				"suspended",
				"deleting"
			] },
			createdAt: "instant",
			quotas: { of: {
				"requests?": "integer",
				"messages?": "integer",
				"storedBytes?": "integer",
				"databases?": "integer"
			} },
			tokens: "integer"
		} } },
		invalid: { app: "APP_NAME_INVALID" },
		repeatable: !0
	},
	"apps.delete": {
		method: "DELETE",
		path: "/v1/apps/{app}",
		fields: [[
			"app",
			"path",
			"app",
			"text"
		], [
			"confirm?",
			"query",
			"confirm",
			"text"
		]],
		output: { json: { of: {
			existed: "boolean",
			deleted: { each: "integer" }
		} } },
		invalid: { app: "APP_NAME_INVALID" },
		repeatable: !0
	},
	"apps.listTokens": {
		method: "GET",
		path: "/v1/apps/{app}/tokens",
		fields: [[
			"app",
			"path",
			"app",
			"text"
		]],
		output: { json: { of: { tokens: [{ of: {
			id: "text",
			label: "text",
			grants: ["text"],
			createdAt: "instant",
			expiresAt: { null: "instant" }
		} }] } } },
		invalid: { app: "APP_NAME_INVALID" },
		repeatable: !0
	},
	"apps.createToken": {
		method: "POST",
		path: "/v1/apps/{app}/tokens",
		fields: [[
			"app",
			"path",
			"app",
			"text"
		]],
		body: { json: { of: {
			"label?": "text",
			grants: ["text"],
			"expiresIn?": "duration"
		} } },
		output: { json: { of: {
			id: "text",
			label: "text",
			grants: ["text"],
			createdAt: "instant",
			expiresAt: { null: "instant" },
			token: "text"
		} } },
		invalid: { app: "APP_NAME_INVALID" },
		repeatable: !1
	},
	"apps.rotateToken": {
		method: "POST",
		path: "/v1/apps/{app}/tokens/{token}/rotate",
		fields: [
			[
				"app",
				"path",
				"app",
				"text"
			],
			[
				"token",
				"path",
				"token",
				"text"
			],
			[
				"graceMs?",
				"query",
				"grace",
				"duration"
			]
		],
		output: { json: { of: {
			id: "text",
			label: "text",
			grants: ["text"],
			createdAt: "instant",
			expiresAt: { null: "instant" },
			token: "text"
		} } },
		invalid: { app: "APP_NAME_INVALID" },
		repeatable: !1
	},
	"apps.revokeToken": {
		method: "DELETE",
		path: "/v1/apps/{app}/tokens/{token}",
		fields: [[
			"app",
			"path",
			"app",
			"text"
		], [
			"token",
			"path",
			"token",
			"text"
		]],
		output: { json: { of: { existed: "boolean" } } },
		invalid: { app: "APP_NAME_INVALID" },
		repeatable: !0
	},
	"apps.usage": {
		method: "GET",
		path: "/v1/apps/{app}/usage",
		fields: [[
			"app",
			"path",
			"app",
			"text"
		]],
		output: { json: { of: {
			app: "text",
			requests: "integer",
			refused: "integer",
			messages: "integer",
			storedBytes: { null: "integer" },
			nodes: "integer",
			missing: ["text"]
		} } },
		invalid: { app: "APP_NAME_INVALID" },
		repeatable: !0
	},
	"apps.whoami": {
		method: "GET",
		path: "/v1/whoami",
		fields: [],
		output: { json: { of: {
			app: "text",
			grants: ["text"],
			token: { null: { of: {
				id: "text",
				label: "text",
				grants: ["text"],
				createdAt: "instant",
				expiresAt: { null: "instant" }
			} } }
		} } },
		repeatable: !0
	},
	"apps.audit": {
		method: "GET",
		path: "/v1/audit",
		fields: [[
			"limit?",
			"query",
			"limit",
			"count"
		]],
		output: { json: { of: { entries: [{ of: {
			at: "instant",
			node: "text",
			actor: "text",
			app: "text",
			operation: "text",
			target: "text",
			outcome: "text"
		} }] } } },
		repeatable: !0
	},
	"sql.create": {
		method: "PUT",
		path: "/v1/sql/{database}",
		fields: [[
			"database",
			"path",
			"database",
			"text"
		]],
		body: { json: { of: {
			"engine?": { or: ["sqlite", "rqlite"] },
			"voters?": "any"
		} } },
		output: { json: { of: {
			name: "text",
			engine: { or: ["sqlite", "rqlite"] },
			holders: ["text"],
			createdAt: "text",
			created: "boolean"
		} } },
		invalid: { database: "SQL_DATABASE_INVALID" },
		repeatable: !0
	},
	"sql.drop": {
		method: "DELETE",
		path: "/v1/sql/{database}",
		fields: [[
			"database",
			"path",
			"database",
			"text"
		], [
			"confirm?",
			"query",
			"confirm",
			"text"
		]],
		output: { json: { of: { existed: "boolean" } } },
		invalid: { database: "SQL_DATABASE_INVALID" },
		repeatable: !0
	},
	"sql.list": {
		method: "GET",
		path: "/v1/sql",
		fields: [],
		output: { json: { of: { databases: [{ of: {
			name: "text",
			engine: { or: ["sqlite", "rqlite"] },
			holders: ["text"],
			createdAt: "text"
		} }] } } },
		repeatable: !0
	},
	"sql.query": {
		method: "POST",
		path: "/v1/sql/{database}/query",
		fields: [[
			"database",
			"path",
			"database",
			"text"
		]],
		body: { json: { of: {
			sql: "text",
			"params?": "params",
			"consistency?": { or: [
				"none",
				"weak",
				"linearizable"
			] }
		} } },
		output: { json: { of: {
			columns: ["text"],
			rows: "rows"
		} } },
		invalid: { database: "SQL_DATABASE_INVALID" },
		repeatable: !0
	},
	"sql.execute": {
		method: "POST",
		path: "/v1/sql/{database}/execute",
		fields: [[
			"database",
			"path",
			"database",
			"text"
		], [
			"idempotencyKey?",
			"header",
			"idempotency-key",
			"text"
		]],
		body: { json: { of: {
			sql: "text",
			"params?": "params"
		} } },
		output: { json: { of: {
			changes: "integer",
			lastInsertId: { null: "rowId" },
			"returned?": { of: {
				columns: ["text"],
				rows: "rows"
			} }
		} } },
		invalid: { database: "SQL_DATABASE_INVALID" },
		repeatable: !0
	},
	"sql.transaction": {
		method: "POST",
		path: "/v1/sql/{database}/transaction",
		fields: [[
			"database",
			"path",
			"database",
			"text"
		], [
			"idempotencyKey?",
			"header",
			"idempotency-key",
			"text"
		]],
		body: { json: { of: { statements: [{ of: {
			sql: "text",
			"params?": "params"
		} }] } } },
		output: { json: { of: { results: [{ of: {
			changes: "integer",
			lastInsertId: { null: "rowId" },
			"returned?": { of: {
				columns: ["text"],
				rows: "rows"
			} }
		} }] } } },
		invalid: { database: "SQL_DATABASE_INVALID" },
		repeatable: !0
	},
	"sql.schema": {
		method: "GET",
		path: "/v1/sql/{database}/schema",
		fields: [[
			"database",
			"path",
			"database",
			"text"
		]],
		output: { json: { of: { tables: [{ of: {
			name: "text",
			kind: { or: ["table", "view"] },
			columns: [{ of: {
				name: "text",
				type: "text",
				notNull: "boolean",
				primaryKey: "integer",
				default: { null: "text" }
			} }],
			indexes: [{ of: {
				name: "text",
				sql: { null: "text" }
			} }],
			sql: { null: "text" }
		} }] } } },
		invalid: { database: "SQL_DATABASE_INVALID" },
		repeatable: !0
	},
	"sql.status": {
		method: "GET",
		path: "/v1/sql/{database}/status",
		fields: [[
			"database",
			"path",
			"database",
			"text"
		]],
		output: { json: { of: {
			database: { of: {
				name: "text",
				engine: { or: ["sqlite", "rqlite"] },
				holders: ["text"],
				createdAt: "text"
			} },
			holders: [{ of: {
				peerId: "text",
				reachable: "boolean",
				role: { or: [
					"holder",
					"leader",
					"follower",
					"candidate",
					"unknown"
				] },
				engineVersion: { null: "text" },
				index: { null: "integer" },
				bytes: { null: "integer" },
				problem: { null: "text" }
			} }]
		} } },
		invalid: { database: "SQL_DATABASE_INVALID" },
		repeatable: !0
	},
	"sql.recover": {
		method: "POST",
		path: "/v1/sql/{database}/recover",
		fields: [[
			"database",
			"path",
			"database",
			"text"
		], [
			"confirm?",
			"query",
			"confirm",
			"text"
		]],
		output: { json: { of: {
			survivor: "text",
			index: "integer"
		} } },
		invalid: { database: "SQL_DATABASE_INVALID" },
		repeatable: !1
	},
	"sql.migrate": {
		method: "POST",
		path: "/v1/sql/{database}/migrate",
		fields: [[
			"database",
			"path",
			"database",
			"text"
		]],
		body: { json: { of: { migrations: [{ of: {
			number: "integer",
			name: "text",
			sql: "text"
		} }] } } },
		output: { json: { of: {
			applied: ["integer"],
			version: "integer"
		} } },
		invalid: { database: "SQL_DATABASE_INVALID" },
		repeatable: !0
	},
	"sql.backup": {
		method: "GET",
		path: "/v1/sql/{database}/backup",
		fields: [[
			"database",
			"path",
			"database",
			"text"
		]],
		output: {
			kind: "bytes",
			fields: []
		},
		invalid: { database: "SQL_DATABASE_INVALID" },
		repeatable: !0
	},
	"sql.restore": {
		method: "POST",
		path: "/v1/sql/{database}/restore",
		fields: [[
			"database",
			"path",
			"database",
			"text"
		], [
			"confirm?",
			"query",
			"confirm",
			"text"
		]],
		body: { bytes: "application/vnd.sqlite3" },
		output: { json: { of: { bytes: "integer" } } },
		invalid: { database: "SQL_DATABASE_INVALID" },
		repeatable: !0
	},
	"sql.begin": {
		method: "POST",
		path: "/v1/sql/{database}/transactions",
		fields: [[
			"database",
			"path",
			"database",
			"text"
		]],
		output: { json: { of: {
			transaction: "text",
			expiresInMs: "integer"
		} } },
		invalid: { database: "SQL_DATABASE_INVALID" },
		repeatable: !1
	},
	"sql.step": {
		method: "POST",
		path: "/v1/sql/{database}/transactions/{transaction}",
		fields: [[
			"database",
			"path",
			"database",
			"text"
		], [
			"transaction",
			"path",
			"transaction",
			"text"
		]],
		body: { json: { of: {
			sql: "text",
			"params?": "params"
		} } },
		output: { json: { of: {
			changes: "integer",
			lastInsertId: { null: "rowId" },
			"returned?": { of: {
				columns: ["text"],
				rows: "rows"
			} }
		} } },
		invalid: { database: "SQL_DATABASE_INVALID" },
		repeatable: !1
	},
	"sql.commit": {
		method: "POST",
		path: "/v1/sql/{database}/transactions/{transaction}/commit",
		fields: [[
			"database",
			"path",
			"database",
			"text"
		], [
			"transaction",
			"path",
			"transaction",
			"text"
		]],
		output: { json: { of: { committed: { or: [!0] } } } },
		invalid: { database: "SQL_DATABASE_INVALID" },
		repeatable: !1
	},
	"sql.rollback": {
		method: "DELETE",
		path: "/v1/sql/{database}/transactions/{transaction}",
		fields: [[
			"database",
			"path",
			"database",
			"text"
		], [
			"transaction",
			"path",
			"transaction",
			"text"
		]],
		output: { json: { of: { committed: { or: [!1] } } } },
		invalid: { database: "SQL_DATABASE_INVALID" },
		repeatable: !0
	},
	"rendezvous.register": {
		method: "PUT",
		path: "/v1/rendezvous/{namespace}/{name}",
		fields: [
			[
				"namespace",
				"path",
				"namespace",
				"text"
			],
			[
				"name",
				"path",
				"name",
				"text"
			],
			[
				"ttlMs?",
				"query",
				"ttl",
				"duration"
			]
		],
		body: { json: { of: {
			addresses: ["text"],
			"data?": "blob"
		} } },
		output: { json: { of: {
			namespace: "text",
			name: "text",
			expiresAt: "text",
			members: "integer",
			nodes: "integer"
		} } },
		invalid: {
			namespace: "RENDEZVOUS_NAME_INVALID",
			name: "RENDEZVOUS_NAME_INVALID"
		},
		repeatable: !0
	},
	"rendezvous.withdraw": {
		method: "DELETE",
		path: "/v1/rendezvous/{namespace}/{name}",
		fields: [[
			"namespace",
			"path",
			"namespace",
			"text"
		], [
			"name",
			"path",
			"name",
			"text"
		]],
		output: { json: { of: { existed: "boolean" } } },
		invalid: {
			namespace: "RENDEZVOUS_NAME_INVALID",
			name: "RENDEZVOUS_NAME_INVALID"
		},
		repeatable: !0
	},
	"rendezvous.discover": {
		method: "GET",
		path: "/v1/rendezvous/{namespace}",
		fields: [[
			"namespace",
			"path",
			"namespace",
			"text"
		], [
			"limit?",
			"query",
			"limit",
			"count"
		]],
		output: { json: { of: {
			registrations: [{ of: {
				name: "text",
				addresses: ["text"],
				"data?": "blob",
				by: "text",
				expiresAt: "text"
			} }],
			more: "boolean"
		} } },
		invalid: { namespace: "RENDEZVOUS_NAME_INVALID" },
		repeatable: !0
	},
	"network.status": {
		method: "GET",
		path: "/v1/network/status",
		fields: [[
			"view?",
			"query",
			"view",
			{ or: ["local", "cluster"] }
		]],
		output: { json: { of: {
			systemId: "text",
			peerId: "text",
			name: { null: "text" },
			state: { or: [
				"unconfigured",
				"degraded",
				"healthy"
			] },
			"reason?": "text",
			epoch: "integer",
			members: "integer",
			online: "integer",
			connected: "integer",
			version: "text",
			startedAt: "text",
			uptimeMs: "integer",
			clockOffsetMs: "number",
			addresses: ["text"]
		} } },
		repeatable: !0
	},
	"network.peers": {
		method: "GET",
		path: "/v1/network/peers",
		fields: [[
			"view?",
			"query",
			"view",
			{ or: ["local", "cluster"] }
		]],
		output: { json: { of: {
			peers: [{ of: {
				peerId: "text",
				name: { null: "text" },
				member: "boolean",
				self: "boolean",
				reachability: { or: [
					"online",
					"suspect",
					"offline"
				] },
				state: { null: { or: [
					"unconfigured",
					"degraded",
					"healthy"
				] } },
				heardAt: { null: "text" },
				"seenMsAgo?": "integer",
				"observer?": "text",
				"incarnation?": "integer",
				"seq?": "integer",
				connected: "boolean",
				roundTripMs: { null: "number" },
				"transport?": "text",
				"encryption?": "text",
				"direction?": { or: ["inbound", "outbound"] },
				"relayed?": "boolean",
				addresses: ["text"],
				"version?": "text",
				"epoch?": "integer",
				"load?": "number",
				"disk?": { of: {
					usedBytes: "integer",
					freeBytes: "integer"
				} },
				"tier?": "integer",
				"capabilities?": ["text"],
				"zone?": "text",
				"draining?": "boolean"
			} }],
			"asked?": "integer",
			"answered?": "integer"
		} } },
		repeatable: !0
	},
	"network.connect": {
		method: "POST",
		path: "/v1/network/connect",
		fields: [],
		body: { json: { of: { address: "text" } } },
		output: { json: { of: {
			peerId: "text",
			member: "boolean",
			address: "text",
			transport: "text",
			encryption: "text"
		} } },
		repeatable: !0
	},
	"network.disconnect": {
		method: "POST",
		path: "/v1/network/disconnect",
		fields: [],
		body: { json: { of: {
			peer: "text",
			"holdMs?": "integer"
		} } },
		output: { json: { of: {
			peerId: "text",
			closed: "integer",
			heldUntil: { null: "text" }
		} } },
		repeatable: !0
	},
	"network.invite": {
		method: "POST",
		path: "/v1/network/invitation",
		fields: [],
		body: { json: { of: { "addresses?": ["text"] } } },
		output: { json: { of: {
			text: "text",
			systemId: "text",
			epoch: "integer",
			addresses: ["text"]
		} } },
		repeatable: !0
	},
	"members.list": {
		method: "GET",
		path: "/v1/members",
		fields: [],
		output: { json: { of: {
			systemId: "text",
			epoch: "integer",
			hash: "text",
			issuedAt: { null: "text" },
			issuerPeerId: { null: "text" },
			members: [{ of: {
				peerId: "text",
				name: "text",
				tier: "integer",
				capabilities: ["text"],
				zone: "text",
				draining: "boolean",
				"notAfter?": "text",
				addresses: ["text"]
			} }]
		} } },
		repeatable: !0
	},
	"members.snapshot": {
		method: "GET",
		path: "/v1/members/snapshot",
		fields: [],
		output: {
			kind: "bytes",
			fields: [[
				"hash",
				"header",
				"etag",
				"etag"
			]]
		},
		repeatable: !0
	},
	"members.push": {
		method: "POST",
		path: "/v1/members/snapshot",
		fields: [],
		body: { bytes: "application/cbor" },
		output: { json: { of: {
			result: { or: ["applied", "stale"] },
			epoch: "integer",
			hash: "text"
		} } },
		repeatable: !0
	},
	"members.submit": {
		method: "POST",
		path: "/v1/members/documents",
		fields: [[
			"kind",
			"query",
			"kind",
			{ or: [
				"rotation",
				"revocation",
				"snapshot"
			] }
		]],
		body: { bytes: "application/cbor" },
		output: { json: { of: {
			result: { or: ["applied", "stale"] },
			epoch: "integer",
			hash: "text"
		} } },
		repeatable: !0
	},
	"members.documents": {
		method: "GET",
		path: "/v1/members/documents",
		fields: [[
			"list",
			"query",
			"list",
			{ or: [
				"rotations",
				"revocations",
				"snapshots",
				"branches"
			] }
		], [
			"cursor?",
			"query",
			"cursor",
			"text"
		]],
		output: { json: { of: {
			documents: [{ of: {
				hash: "text",
				epoch: "integer",
				bytes: "text"
			} }],
			cursor: { null: "text" }
		} } },
		repeatable: !0
	},
	"members.offer": {
		method: "POST",
		path: "/v1/members/offer",
		fields: [[
			"peer",
			"query",
			"peer",
			"text"
		], [
			"kind",
			"query",
			"kind",
			{ or: [
				"rotation",
				"revocation",
				"snapshot"
			] }
		]],
		body: { bytes: "application/cbor" },
		output: { json: { of: {
			result: { or: [
				"applied",
				"stale",
				"refused"
			] },
			"code?": "text",
			"reason?": "text",
			epoch: "integer",
			hash: "text"
		} } },
		invalid: { peer: "PEER_ID_INVALID" },
		repeatable: !0
	},
	"members.loss": {
		method: "GET",
		path: "/v1/members/loss",
		fields: [[
			"remove",
			"query",
			"remove",
			"text"
		]],
		output: { json: { of: {
			slots: "integer",
			records: "integer",
			emptySlots: "integer",
			unknownSlots: "integer"
		} } },
		repeatable: !0
	},
	"members.acceptLoss": {
		method: "POST",
		path: "/v1/members/accept-loss",
		fields: [],
		output: { json: { of: { before: { or: [
			"unproven",
			"voter",
			"learner"
		] } } } },
		repeatable: !0
	},
	"members.root": {
		method: "GET",
		path: "/v1/members/root",
		fields: [],
		output: { json: { of: {
			systemId: "text",
			name: "text",
			documents: ["text"],
			keysVersion: "integer",
			keys: ["text"],
			threshold: "integer",
			fork: { null: "text" },
			revocations: "integer",
			proof: { null: { of: {
				serial: "text",
				adminPeerId: "text",
				validTo: "text"
			} } },
			conflicts: [{ of: {
				parent: "text",
				loser: "text",
				epoch: "integer",
				refused: ["text"]
			} }]
		} } },
		repeatable: !0
	},
	"members.audit": {
		method: "GET",
		path: "/v1/members/audit",
		fields: [[
			"after?",
			"query",
			"after",
			"count"
		], [
			"limit?",
			"query",
			"limit",
			"count"
		]],
		output: { json: { of: { entries: [{ of: {
			seq: "integer",
			at: "text",
			document: "text",
			result: { or: ["accepted", "refused"] },
			"code?": "text",
			"hash?": "text",
			"epoch?": "integer",
			"issuer?": "text",
			from: "text",
			"suppressed?": "integer",
			chainHash: "text"
		} }] } } },
		repeatable: !0
	},
	"health.read": {
		method: "GET",
		path: "/v1/health",
		fields: [],
		output: { json: { of: {
			status: { or: [
				"ok",
				"degraded",
				"failing"
			] },
			checks: [{ of: {
				name: "text",
				status: { or: [
					"ok",
					"degraded",
					"failing"
				] },
				detail: "text"
			} }]
		} } },
		repeatable: !0
	},
	"config.reload": {
		method: "POST",
		path: "/v1/config/reload",
		fields: [],
		output: { json: { of: {
			applied: ["text"],
			needsRestart: ["text"]
		} } },
		repeatable: !0
	},
	"update.status": {
		method: "GET",
		path: "/v1/update",
		fields: [],
		output: { json: { of: {
			running: "text",
			platform: "text",
			unsupported: { null: "text" },
			finalized: { null: "text" },
			rollout: { null: { of: {
				version: "text",
				channel: "text",
				expires: "text",
				state: { or: [
					"rolling",
					"paused",
					"finalized"
				] },
				reason: { null: "text" }
			} } },
			waiting: { null: "text" },
			nodes: [{ of: {
				peerId: "text",
				name: { null: "text" },
				version: { null: "text" }
			} }]
		} } },
		repeatable: !0
	},
	"update.check": {
		method: "POST",
		path: "/v1/update/check",
		fields: [],
		body: { bytes: "application/cbor" },
		output: { json: { of: {
			version: "text",
			channel: "text",
			expires: "text",
			isNewer: "boolean"
		} } },
		repeatable: !0
	},
	"update.apply": {
		method: "POST",
		path: "/v1/update",
		fields: [],
		body: { bytes: "application/cbor" },
		output: { json: { of: {
			running: "text",
			platform: "text",
			unsupported: { null: "text" },
			finalized: { null: "text" },
			rollout: { null: { of: {
				version: "text",
				channel: "text",
				expires: "text",
				state: { or: [
					"rolling",
					"paused",
					"finalized"
				] },
				reason: { null: "text" }
			} } },
			waiting: { null: "text" },
			nodes: [{ of: {
				peerId: "text",
				name: { null: "text" },
				version: { null: "text" }
			} }]
		} } },
		repeatable: !0
	},
	"update.pause": {
		method: "POST",
		path: "/v1/update/pause",
		fields: [],
		output: { json: { of: {
			running: "text",
			platform: "text",
			unsupported: { null: "text" },
			finalized: { null: "text" },
			rollout: { null: { of: {
				version: "text",
				channel: "text",
				expires: "text",
				state: { or: [
					"rolling",
					"paused",
					"finalized"
				] },
				reason: { null: "text" }
			} } },
			waiting: { null: "text" },
			nodes: [{ of: {
				peerId: "text",
				name: { null: "text" },
				version: { null: "text" }
			} }]
		} } },
		repeatable: !0
	},
	"update.finalize": {
		method: "POST",
		path: "/v1/update/finalize",
		fields: [],
		output: { json: { of: {
			running: "text",
			platform: "text",
			unsupported: { null: "text" },
			finalized: { null: "text" },
			rollout: { null: { of: {
				version: "text",
				channel: "text",
				expires: "text",
				state: { or: [
					"rolling",
					"paused",
					"finalized"
				] },
				reason: { null: "text" }
			} } },
			waiting: { null: "text" },
			nodes: [{ of: {
				peerId: "text",
				name: { null: "text" },
				version: { null: "text" }
			} }]
		} } },
		repeatable: !0
	},
	"session.link": {
		method: "POST",
		path: "/v1/session/link",
		fields: [],
		output: { json: { of: {
			url: "text",
			expiresAt: "text"
		} } },
		repeatable: !1
	},
	"session.exchange": {
		method: "GET",
		path: "/session/{secret}",
		fields: [[
			"secret",
			"path",
			"secret",
			"text"
		]],
		output: {
			kind: "page",
			fields: [[
				"cookie?",
				"header",
				"set-cookie",
				"text"
			]]
		},
		invalid: { secret: "SESSION_LINK_INVALID" },
		repeatable: !1
	},
	"dev.nodes": {
		method: "GET",
		path: "/v1/dev",
		fields: [],
		output: { json: { of: { nodes: [{ of: {
			name: "text",
			peerId: "text",
			http: "text",
			pid: { null: "integer" },
			running: "boolean"
		} }] } } },
		repeatable: !0
	},
	"dev.kill": {
		method: "POST",
		path: "/v1/dev/nodes/{name}/kill",
		fields: [[
			"name",
			"path",
			"name",
			"text"
		]],
		output: { json: { of: {
			name: "text",
			peerId: "text",
			http: "text",
			pid: { null: "integer" },
			running: "boolean"
		} } },
		repeatable: !0
	},
	"dev.start": {
		method: "POST",
		path: "/v1/dev/nodes/{name}/start",
		fields: [[
			"name",
			"path",
			"name",
			"text"
		]],
		output: { json: { of: {
			name: "text",
			peerId: "text",
			http: "text",
			pid: { null: "integer" },
			running: "boolean"
		} } },
		repeatable: !0
	}
}, Ct = {
	kv: {
		input: {
			"prefix?": "text",
			"from?": "text",
			"cas?": "boolean"
		},
		opened: { of: { token: { null: "text" } } },
		events: {
			change: { of: {
				key: "text",
				version: "text",
				deleted: "boolean",
				"value?": "bytes",
				"expiresAt?": "instant",
				"token?": "text"
			} },
			synced: { of: { token: "text" } },
			progress: { of: { token: "text" } },
			compacted: { of: {} }
		}
	},
	pubsub: {
		input: {
			topic: "text",
			"slow?": { or: [
				"buffer",
				"latest",
				"disconnect"
			] },
			"from?": "text",
			"group?": "text",
			"sinceMs?": "integer",
			"after?": [{ of: {
				topic: "text",
				publisher: "text",
				incarnation: "integer",
				seq: "integer"
			} }]
		},
		opened: { of: {
			confirmedBy: ["text"],
			unconfirmed: ["text"],
			"sequence?": "integer"
		} },
		events: {
			message: { of: {
				topic: "text",
				publisher: "text",
				incarnation: "integer",
				seq: "integer",
				at: "text",
				data: "bytes",
				"sequence?": "integer",
				"attempt?": "integer"
			} },
			gap: { of: {
				topic: "text",
				publisher: "text",
				incarnation: "integer",
				from: "integer",
				to: "integer"
			} },
			missed: { of: { count: "integer" } }
		}
	},
	sql: {
		input: {
			database: "text",
			sql: "text",
			"params?": "params",
			"key?": ["text"]
		},
		opened: { of: {
			index: "integer",
			columns: ["text"],
			rows: "rows"
		} },
		events: {
			rows: { of: {
				index: "integer",
				columns: ["text"],
				rows: "rows"
			} },
			change: { of: {
				index: "integer",
				upserts: "rows",
				removes: "rows"
			} }
		}
	}
}, G = class extends Error {
	path = [];
	get reason() {
		return this.path.length > 0 ? `${this.path.join(".")}: ${this.message}` : this.message;
	}
}, wt = {
	any: [() => !0, ""],
	text: [(e) => typeof e == "string", "must be text"],
	integer: [(e) => Number.isInteger(e), "must be a whole number"],
	number: [(e) => typeof e == "number", "must be a number"],
	boolean: [(e) => typeof e == "boolean", "must be true or false"],
	bytes: [(e) => e instanceof Uint8Array, "must be bytes"]
};
function Tt(e, t) {
	return K(e, t, "encode");
}
function Et(e, t) {
	return K(e, t, "decode");
}
function K(e, t, n) {
	if (typeof e == "string") {
		if (t === void 0 && e !== "any") throw new G("it is missing");
		return e in wt ? Ot(wt[e], t) : jt(() => se[e][n](t));
	}
	if ("null" in e) return t === null ? null : K(e.null, t, n);
	if (t === void 0) throw new G("it is missing");
	if ("or" in e) {
		if (e.or.includes(t)) return t;
		throw new G(`must be ${e.or.join(" or ")}`);
	}
	if ("json" in e) return n === "encode" ? ce(JSON.stringify(K(e.json, t, n))) : K(e.json, jt(() => JSON.parse(t)), n);
	if (typeof t != "object" || !t) throw new G("must be an object");
	if ("of" in e) return Dt(e.of, t, n);
	if ("each" in e) {
		let r = Object.entries(t).map(([t, r]) => [t, kt(t, () => K(e.each, r, n))]);
		return Object.fromEntries(r);
	}
	if (!Array.isArray(t)) throw new G("must be a list");
	return t.map((t, r) => kt(r, () => K(e[0], t, n)));
}
function Dt(e, t, n) {
	let r = n === "encode" ? { ...t } : t;
	for (let i in e) {
		let a = i.endsWith("?"), o = a ? i.slice(0, -1) : i;
		if (a && t[o] === void 0) delete r[o];
		else try {
			r[o] = K(e[i], t[o], n);
		} catch (e) {
			throw At(e, o);
		}
	}
	return r;
}
function Ot([e, t], n) {
	if (e(n)) return n;
	throw new G(t);
}
function kt(e, t) {
	try {
		return t();
	} catch (t) {
		throw At(t, e);
	}
}
function At(e, t) {
	return e instanceof G && e.path.unshift(t), e;
}
function jt(e) {
	try {
		return e();
	} catch (e) {
		throw new G(e instanceof Error ? e.message : String(e));
	}
}
// packages/sdk/src/contract/operation.ts
var Mt;
function Nt(e) {
	if (typeof e == "string") {
		if (Object.hasOwn(W, e)) return e;
		throw new u("BAD_REQUEST", { reason: `The contract has no operation ${e}.` });
	}
	Mt ??= new Map(Object.entries(W).map(([e, t]) => [`${t.method} ${t.path}`, e]));
	let t = Mt.get(`${e.method} ${e.path}`);
	if (t) return t;
	throw new u("BAD_REQUEST", { reason: `The contract has no operation ${e.method} ${e.path}.` });
}
function* Pt(e, t) {
	for (let n of e.fields) {
		let [r, , , i] = n, a = r.replace("?", ""), o = t[a];
		if (o !== void 0 || r === a) try {
			yield {
				name: a,
				field: n,
				wire: Tt(i, o)
			};
		} catch (t) {
			throw t instanceof G ? J(e, n, t.reason) : t;
		}
	}
}
function Ft({ body: e }, t) {
	if (e) try {
		return Tt("json" in e ? e.json : "bytes", t);
	} catch (e) {
		throw e instanceof G ? new u("BAD_REQUEST", { reason: `The body is refused: ${e.reason}.` }) : e;
	}
}
function q(e, t, n) {
	try {
		return Et(e, t);
	} catch (e) {
		throw new u("ANSWER_UNEXPECTED", {
			url: n,
			reason: e.reason
		});
	}
}
function J(e, [t, n, r], i) {
	return bt(e, {
		name: t.replace("?", ""),
		place: n,
		wireName: r
	}, i);
}
// packages/sdk/src/online.ts
var It = {
	isOnline: () => globalThis.navigator?.onLine !== !1,
	onceOnline(e) {
		let { addEventListener: t, removeEventListener: n } = globalThis;
		return t?.call(globalThis, "online", e, { once: !0 }), () => n?.call(globalThis, "online", e);
	}
};
function Lt(e, t) {
	return e.some((e) => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(e).hostname)) ? {
		isOnline: () => !0,
		onceOnline: (e) => t.onceOnline(e)
	} : t;
}
function Rt({ timing: e, online: t }, n, r) {
	return new Promise((i, a) => {
		let o = [], s = (e) => {
			for (let e of o) e();
			r.removeEventListener("abort", c), e();
		}, c = () => s(() => a(r.reason));
		if (r.aborted) return c();
		r.addEventListener("abort", c, { once: !0 }), o.push(t.onceOnline(() => s(i))), n !== void 0 && o.push(e.after(n, () => s(i)));
	});
}
// packages/sdk/src/remote-error.ts
var zt = /* @__PURE__ */ new Set([
	408,
	429,
	502,
	503,
	504
]), Y = class extends u {
	requestId;
	retryAfterMs;
	#e;
	#t;
	constructor({ code: e, message: t, details: n, status: r, requestId: i, retryAfterMs: a }) {
		let o = d(e);
		super(o ? e : "INTERNAL", n), this.#e = r, this.#t = o ? super.retry : zt.has(r), this.requestId = i, this.retryAfterMs = a, t && (this.message = t), o || Object.defineProperty(this, "code", {
			value: e,
			enumerable: !0
		});
	}
	get status() {
		return this.#e;
	}
	get retry() {
		return this.#t;
	}
}, Bt = {
	now: () => performance.now(),
	after(e, t) {
		let n = setTimeout(t, e);
		return () => clearTimeout(n);
	},
	random: () => Math.random()
};
function Vt(e, t, n) {
	return new Promise((r, i) => {
		if (n.aborted) return i(n.reason);
		let a = () => {
			o(), i(n.reason);
		}, o = e.after(t, () => {
			n.removeEventListener("abort", a), r();
		});
		n.addEventListener("abort", a, { once: !0 });
	});
}
function Ht(e, t, { reason: n, parent: r }) {
	let i = new AbortController(), a = () => i.abort(r?.reason);
	r?.aborted && a(), r?.addEventListener("abort", a, { once: !0 });
	let o = e.after(t, () => i.abort(n()));
	return {
		signal: i.signal,
		release() {
			o(), r?.removeEventListener("abort", a);
		}
	};
}
// packages/sdk/src/transport.ts
var Ut = /* @__PURE__ */ new Set([
	"ECONNREFUSED",
	"EHOSTUNREACH",
	"ENETUNREACH",
	"ENOTFOUND",
	"UND_ERR_CONNECT_TIMEOUT"
]);
function Wt(e) {
	return e.code === "NODE_UNREACHABLE" && Ut.has(Gt(e.cause));
}
function Gt(e) {
	let t = e instanceof Error ? e.cause : void 0;
	return typeof t?.code == "string" ? t.code : void 0;
}
// packages/sdk/src/caller.ts
function Kt({ transport: e, timing: t, online: n }, r) {
	let { urls: i } = r, a = 0;
	async function o(n, a, o, s) {
		let { attemptTimeoutMs: c } = r;
		if (c >= r.timeoutMs) return e.attempt(n, a, o, s);
		let l = Ht(t, c, {
			reason: () => new u("TIMEOUT", {
				what: `The node at ${i[o]}`,
				timeoutMs: c
			}),
			parent: s
		});
		try {
			return await e.attempt(n, a, o, l.signal);
		} finally {
			l.release();
		}
	}
	async function s(e, s, d = {}) {
		let { timeoutMs: f = r.timeoutMs } = d, p = Nt(e), { repeatable: m } = W[p], h = qt(p, s), g = Ht(t, f, {
			reason: () => new u("TIMEOUT", {
				what: "The system",
				timeoutMs: f
			}),
			parent: d.signal
		});
		try {
			for (let e = 1;; e++) {
				g.signal.throwIfAborted();
				let s = a;
				for (; !n.isOnline();) await c(s, g.signal);
				try {
					return await o(p, h, s, g.signal);
				} catch (o) {
					if (g.signal.aborted) throw g.signal.reason;
					if (!(o instanceof u && o.retry) || e >= r.maxAttempts || !m && !Wt(o)) throw o;
					a === s && (a = (s + 1) % i.length), e % i.length === 0 && await Rt({
						timing: t,
						online: n
					}, l(e / i.length, o), g.signal);
				}
			}
		} finally {
			g.release();
		}
	}
	async function c(e, r) {
		try {
			await Rt({
				timing: t,
				online: n
			}, void 0, r);
		} catch (t) {
			throw t instanceof u && t.code === "TIMEOUT" ? new u("NODE_UNREACHABLE", {
				url: i[e],
				reason: "this machine is offline"
			}) : t;
		}
	}
	function l(e, n) {
		let i = Math.min(r.maxDelayMs, r.baseDelayMs * 2 ** (e - 1)), a = n instanceof Y ? n.retryAfterMs ?? 0 : 0;
		return Math.max(Math.min(a, r.maxDelayMs), i * t.random());
	}
	return s;
}
function qt(e, t) {
	return !W[e].fields.some(([e]) => e === "idempotencyKey?") || t.idempotencyKey !== void 0 ? t : {
		...t,
		idempotencyKey: crypto.randomUUID()
	};
}
// packages/sdk/src/answer.ts
async function Jt({ output: e }, t, n) {
	if (!t.ok) throw await Yt(t, n);
	if ("json" in e) return q(e.json, await Xt(t, n), n);
	let r = {};
	for (let [i, , a, o] of e.fields) {
		let e = i.replace("?", ""), s = t.headers.get(a) ?? void 0;
		(s !== void 0 || i === e) && (r[e] = q(o, s, n));
	}
	return e.kind !== "empty" && (r.body = new Uint8Array(await t.arrayBuffer())), r;
}
async function Yt(e, t) {
	let { status: n, headers: r } = e, i = $t(Qt(await e.text())), a = i?.code ?? r.get("x-p2pos-error");
	if (typeof a != "string") return Zt(t, `it answered HTTP ${n}`);
	let o = i?.details ?? Qt(r.get("x-p2pos-error-details") ?? "{}"), s = Number(r.get("retry-after") ?? NaN);
	return new Y({
		code: a,
		message: typeof i?.message == "string" ? i.message : "",
		details: $t(o) ?? {},
		status: n,
		requestId: r.get("x-request-id") ?? void 0,
		retryAfterMs: Number.isFinite(s) ? s * 1e3 : void 0
	});
}
async function Xt(e, t) {
	let n = Qt(await e.text());
	if (n === void 0) throw Zt(t, "its answer is not JSON");
	return n;
}
function Zt(e, t) {
	return new u("ANSWER_UNEXPECTED", {
		url: e,
		reason: t
	});
}
function Qt(e) {
	try {
		return JSON.parse(e);
	} catch {
		return;
	}
}
function $t(e) {
	return typeof e == "object" && e ? e : void 0;
}
// packages/sdk/src/request.ts
function en(e, t) {
	let n = {}, r = [], i = e.path;
	for (let { name: a, field: o, wire: s } of Pt(e, t)) {
		let [, t, c] = o, l = String(s);
		if (!l.isWellFormed()) throw J(e, o, "it is not well-formed Unicode");
		if (t === "header" && (n[c] = tn(e, o, l)), t === "query" && r.push(`${c}=${encodeURIComponent(l)}`), t === "path") {
			if (/^\.{0,2}$/.test(l)) throw J(e, o, l ? "a URL cannot carry \".\" or \"..\" as a name" : "it is empty");
			i = i.replace(RegExp(`\\{${a}\\+?\\}`), () => encodeURIComponent(l));
		}
	}
	let a = r.length > 0 ? `${i}?${r.join("&")}` : i;
	if (!e.body) return {
		target: a,
		headers: n,
		body: void 0
	};
	let o = Ft(e, t.body);
	if ("bytes" in e.body) return n["content-type"] = e.body.bytes, {
		target: a,
		headers: n,
		body: new Uint8Array(o)
	};
	n["content-type"] = "application/json";
	try {
		return {
			target: a,
			headers: n,
			body: JSON.stringify(o)
		};
	} catch (e) {
		throw new u("BAD_REQUEST", { reason: `The body is refused: ${e.message}.` });
	}
}
function tn(e, t, n) {
	if (/^[\x20-\x7e]*$/.test(n)) return n;
	throw J(e, t, "a header carries visible ASCII characters only");
}
// packages/sdk/src/http-transport.ts
function nn({ fetch: e }, { urls: t, headers: n }) {
	return {
		async attempt(r, i, a, o) {
			let s = t[a], c = W[r], l = en(c, i);
			try {
				return await Jt(c, await e(`${s}${l.target}`, {
					method: c.method,
					headers: {
						...n,
						...l.headers
					},
					body: l.body ?? null,
					cache: "no-store",
					credentials: "same-origin",
					redirect: "error",
					signal: o
				}), s);
			} catch (e) {
				throw o.aborted ? o.reason : e instanceof u ? e : new u("NODE_UNREACHABLE", {
					url: s,
					reason: Gt(e) ?? (e instanceof Error ? e.message : String(e))
				}, { cause: e });
			}
		},
		close() {}
	};
}
// packages/sdk/src/kv-cas.ts
var rn = 1e4, an = 250, X = !0;
function on(e, t) {
	let n = async (t, n, r = {}) => {
		let { signal: i, timeoutMs: a, ifVersion: o, ifAbsent: s, ...c } = r, l = typeof n == "string" ? new TextEncoder().encode(n) : n, u = {
			...o !== void 0 && { ifMatch: o },
			...s && { ifNoneMatch: "*" }
		};
		return e("kv.put", {
			key: t,
			body: l,
			cas: X,
			...c,
			...u
		}, {
			signal: i,
			timeoutMs: a
		});
	}, r = ({ signal: t, timeoutMs: n, ...r } = {}) => e("kv.list", {
		...r,
		cas: X
	}, {
		signal: t,
		timeoutMs: n
	});
	async function i(n, r, i, a) {
		let { signal: o, timeoutMs: s, waitMs: c = 0 } = a, l = t.now() + c;
		for (;;) {
			let a = t.now(), { token: c } = await e("kv.lock", {
				key: n,
				holder: r,
				ttlMs: i
			}, {
				signal: o,
				timeoutMs: s
			});
			if (c !== null) return {
				token: c,
				since: a
			};
			if (t.now() >= l) return;
			await Vt(t, Math.min(an * (.5 + t.random()), Math.max(0, l - t.now())), o ?? new AbortController().signal);
		}
	}
	return {
		put: n,
		page: r,
		async get(t, { signal: n, timeoutMs: r } = {}) {
			try {
				let { body: i, version: a, expiresAt: o } = await e("kv.get", {
					key: t,
					cas: X
				}, {
					signal: n,
					timeoutMs: r
				});
				return {
					value: i,
					version: a,
					expiresAt: o,
					text: () => new TextDecoder().decode(i)
				};
			} catch (e) {
				if (f(e, "KV_KEY_NOT_FOUND")) return;
				throw e;
			}
		},
		async delete(t, { signal: n, timeoutMs: r, ifVersion: i, ...a } = {}) {
			let o = i !== void 0 && { ifMatch: i };
			return e("kv.delete", {
				key: t,
				cas: X,
				...a,
				...o
			}, {
				signal: n,
				timeoutMs: r
			});
		},
		compareAndSet: (e, t, r, i) => n(e, t, {
			...i,
			...r === null ? { ifAbsent: !0 } : { ifVersion: r }
		}),
		ifAbsent: (e, t, r) => n(e, t, {
			...r,
			ifAbsent: !0
		}),
		async *list({ pageSize: e = 500, ...t } = {}) {
			let n;
			do {
				let i = await r({
					...t,
					limit: e,
					...n !== void 0 && { cursor: n }
				});
				yield* i.keys, n = i.cursor ?? void 0;
			} while (n !== void 0);
		},
		async lock(n, r = {}) {
			let { ttlMs: a = rn } = r, o = globalThis.crypto.randomUUID(), s = await i(n, o, a, r);
			return s && sn({
				call: e,
				timing: t
			}, {
				key: n,
				holder: o,
				ttlMs: a,
				...s
			});
		}
	};
}
function sn({ call: e, timing: t }, { key: n, holder: r, token: i, ttlMs: a, since: o }) {
	let s = new AbortController(), c = o + a, l = () => {};
	function d() {
		l(), s.abort(new u("LEASE_LOST", { token: i }));
	}
	function f() {
		l(), l = t.after(Math.max(0, c - t.now()), d);
	}
	async function p() {
		for (let o = a / 3; !s.signal.aborted;) {
			await Vt(t, o, s.signal);
			let l = t.now();
			try {
				let t = {
					signal: s.signal,
					timeoutMs: Math.max(1, c - l)
				}, { held: u } = await e("kv.renewLock", {
					key: n,
					holder: r,
					token: i,
					ttlMs: a
				}, t);
				if (!u) return d();
				c = l + a, f(), o = a / 3;
			} catch {
				o = Math.min(1e3, a / 10);
			}
		}
	}
	f();
	let m = p().catch(() => {});
	return {
		token: i,
		lost: s.signal,
		async [Symbol.asyncDispose]() {
			let t = !s.signal.aborted;
			d(), await m, t && await e("kv.unlock", {
				key: n,
				holder: r,
				token: i
			}, { timeoutMs: a }).catch(() => {});
		}
	};
}
// packages/sdk/src/kv-watch.ts
var cn = 1e5;
async function* ln(e, t, { signal: n, from: r, ...i } = {}) {
	let a = r, o = /* @__PURE__ */ new Map(), s = e("kv", {
		...i,
		prefix: t,
		...r !== void 0 && { from: r }
	}, {
		signal: n,
		resume: ({ from: e, ...t }) => ({
			...t,
			...a !== void 0 && { from: a }
		})
	});
	for await (let e of s) {
		let t = e.type === "open" && a === void 0 && o.size > 0;
		if ((e.type === "compacted" || t) && (a = void 0, o.clear(), yield { type: "compacted" }), (e.type === "synced" || e.type === "progress") && (a = e.token), e.type === "synced" && (yield {
			type: "synced",
			token: e.token
		}), e.type !== "change") continue;
		let { key: n, version: r, deleted: i, value: s, expiresAt: c } = e;
		e.token !== void 0 && (a = e.token);
		let l = `${r} ${+!!i}`, u = o.get(n);
		u !== void 0 && l <= u || (o.delete(n), o.set(n, l), o.size > cn && o.delete(o.keys().next().value), yield {
			type: "change",
			key: n,
			version: r,
			deleted: i,
			...s && { value: s },
			...c !== void 0 && { expiresAt: c },
			token: a,
			text: () => new TextDecoder().decode(s)
		});
	}
}
// packages/sdk/src/kv.ts
function un(e, { subscribe: t, timing: n }) {
	let r = async (t, { signal: n, timeoutMs: r, ...i } = {}) => dn(e("kv.head", {
		key: t,
		...i
	}, {
		signal: n,
		timeoutMs: r
	})), i = ({ signal: t, timeoutMs: n, ...r } = {}) => e("kv.list", r, {
		signal: t,
		timeoutMs: n
	});
	return {
		head: r,
		page: i,
		cas: on(e, n),
		async put(t, n, { signal: r, timeoutMs: i, ...a } = {}) {
			return e("kv.put", {
				key: t,
				body: typeof n == "string" ? new TextEncoder().encode(n) : n,
				...a
			}, {
				signal: r,
				timeoutMs: i
			});
		},
		async get(t, { signal: n, timeoutMs: r, ...i } = {}) {
			let a = await dn(e("kv.get", {
				key: t,
				...i
			}, {
				signal: n,
				timeoutMs: r
			}));
			if (!a) return;
			let { body: o, ...s } = a;
			return {
				...s,
				value: o,
				text: () => new TextDecoder().decode(o)
			};
		},
		watch: (e = "", n) => ln(t, e, n),
		exists: async (e, t) => await r(e, t) !== void 0,
		async delete(t, { signal: n, timeoutMs: r, ...i } = {}) {
			return e("kv.delete", {
				key: t,
				...i
			}, {
				signal: n,
				timeoutMs: r
			});
		},
		async *list({ pageSize: e = 500, ...t } = {}) {
			let n;
			do {
				let r = await i({
					...t,
					limit: e,
					...n !== void 0 && { cursor: n }
				});
				yield* r.keys, n = r.cursor ?? void 0;
			} while (n !== void 0);
		}
	};
}
async function dn(e) {
	try {
		return await e;
	} catch (e) {
		if (f(e, "KV_KEY_NOT_FOUND")) return;
		throw e;
	}
}
// packages/sdk/src/members.ts
function fn(e) {
	return {
		list: (t) => e("members.list", {}, t),
		snapshot: async (t) => (await e("members.snapshot", {}, t)).body,
		push: (t, n) => e("members.push", { body: t }, n)
	};
}
// packages/sdk/src/network.ts
function pn(e) {
	return {
		status: (t) => e("network.status", {}, t),
		peers: async (t) => (await e("network.peers", {}, t)).peers,
		connect: (t, n) => e("network.connect", { body: { address: t } }, n),
		disconnect: (t, { holdMs: n, ...r } = {}) => e("network.disconnect", { body: {
			peer: t,
			...n !== void 0 && { holdMs: n }
		} }, r),
		invite: ({ addresses: t, ...n } = {}) => e("network.invite", { body: { ...t && { addresses: [...t] } } }, n)
	};
}
// packages/sdk/src/pubsub.ts
var mn = 1e4;
function hn({ call: e, subscribe: t, timing: n }) {
	async function* r(e, { slow: r, signal: i } = {}) {
		let a = /* @__PURE__ */ new Map(), o, s = () => ({
			topic: e,
			...r && { slow: r },
			...o !== void 0 && {
				sinceMs: Math.ceil(n.now() - o),
				after: vn(a)
			}
		}), c = t("pubsub", {
			topic: e,
			...r && { slow: r }
		}, {
			signal: i,
			resume: s
		});
		for await (let e of c) for (let t of e) if (t.type === "open") o ??= n.now(), yield t;
		else if (t.type === "missed") {
			for (let e of a.values()) e.loose = !0;
			yield t;
		} else yield* gn(a, t, r === "latest");
	}
	return {
		publish: (t, n, { ack: r, receipt: i, ...a } = {}) => e("pubsub.publish", {
			topic: t,
			body: typeof n == "string" ? new TextEncoder().encode(n) : n,
			...r && { ack: r },
			...i && { receipt: i }
		}, a),
		subscribe: r,
		topics: async (t) => (await e("pubsub.topics", {}, t)).topics,
		presence: (t, n) => e("pubsub.presence", { topic: t }, n)
	};
}
function* gn(e, t, n) {
	let { publisher: r, incarnation: i, topic: a } = t, o = `${r}/${i}/${a}`, [s, c] = t.type === "gap" ? [t.from, t.to] : [t.seq, t.seq], l = e.get(o);
	if (l) {
		if (c <= l.seq) return;
		let e = l.seq + 1;
		s > e && !l.loose && !n && (yield {
			type: "gap",
			topic: a,
			publisher: r,
			incarnation: i,
			from: e,
			to: s - 1
		}), l.seq = c, l.loose = !1, t.type === "gap" && (yield {
			...t,
			from: Math.max(s, e)
		});
	} else e.set(o, {
		topic: a,
		publisher: r,
		incarnation: i,
		seq: c,
		loose: !1
	}), e.size > mn && e.delete(e.keys().next().value), t.type === "gap" && (yield t);
	if (t.type === "message") {
		let { data: e } = t;
		yield {
			...t,
			text: () => _n.decode(e)
		};
	}
}
var _n = new TextDecoder();
function vn(e) {
	return [...e.values()].slice(-512).map(({ loose: e, ...t }) => t);
}
// packages/sdk/src/rendezvous.ts
function yn(e) {
	return {
		register(t, n, { addresses: r = [], data: i, ttlMs: a, ...o } = {}) {
			let s = typeof i == "string" ? new TextEncoder().encode(i) : i;
			return e("rendezvous.register", {
				namespace: t,
				name: n,
				body: {
					addresses: [...r],
					...s && { data: s }
				},
				...a !== void 0 && { ttlMs: a }
			}, o);
		},
		withdraw: (t, n, r) => e("rendezvous.withdraw", {
			namespace: t,
			name: n
		}, r),
		discover: (t, { limit: n, ...r } = {}) => e("rendezvous.discover", {
			namespace: t,
			...n !== void 0 && { limit: n }
		}, r)
	};
}
// packages/sdk/src/socket/fields.ts
function bn(e, t) {
	let n = {};
	for (let { name: r, wire: i } of Pt(e, t)) n[r] = i;
	return e.body && (n.body = Ft(e, t.body)), n;
}
function xn({ output: e }, t, n) {
	return "json" in e ? q(e.json, t, n) : q({ of: Object.fromEntries(e.fields.map(([e, , , t]) => [e, t])) }, t, n);
}
// packages/sdk/src/socket/link.ts
var Sn = 1e4, Cn = 67108864, wn = 262144, Tn = globalThis.setImmediate ?? queueMicrotask;
function En({ WebSocket: e, timing: t }, n) {
	let { url: r, token: i, app: a, idleMs: o } = n, s = /* @__PURE__ */ new Map(), c, l, d = [], f = 1, p = 0, m = 0, h = () => {};
	function g(e) {
		return v() ? Promise.resolve() : (l ??= _().finally(() => {
			l = void 0;
		}), new Promise((t, n) => {
			let r = () => n(e.reason);
			if (e.aborted) return r();
			e.addEventListener("abort", r, { once: !0 }), l.then(t, n).finally(() => e.removeEventListener("abort", r));
		}));
	}
	function _() {
		let n = new e(`${r.replace(/^http/, "ws")}${mt}`, [ht]);
		return n.binaryType = "arraybuffer", c = n, new Promise((e, r) => {
			let o = t.after(Sn, () => n.close());
			n.onopen = () => {
				o(), p = m = t.now(), x(), i !== void 0 && n.send(De([{
					op: "auth",
					token: i,
					app: a
				}])), e();
			}, n.onmessage = ({ data: e }) => ee(n, e), n.onerror = () => r(S("no WebSocket could be opened", "ECONNREFUSED")), n.onclose = ({ code: e, reason: t }) => {
				o(), r(S("no WebSocket could be opened", "ECONNREFUSED")), y(n, `the socket was closed (${e}${t ? ` ${t}` : ""})`);
			};
		});
	}
	let v = () => c !== void 0 && c.readyState === 1;
	function ee(e, n) {
		if (e !== c) return;
		p = t.now();
		let r;
		try {
			r = pt(new Uint8Array(n), {
				maxBytes: Cn,
				shares: !0
			});
		} catch {
			r = void 0;
		}
		if (!Array.isArray(r)) y(e, "it sent what is no frame");
		else for (let t of r) {
			let n = t.id === void 0 ? void 0 : s.get(t.id);
			if (t.type === "error") {
				if (t.id === void 0) {
					y(e, String(t.code), Dn(t));
					return;
				}
				s.delete(t.id), n?.onEnd(Dn(t));
			} else t.type === "end" ? (s.delete(t.id), n?.onEnd()) : (t.type === "result" && s.delete(t.id), n?.onEvent(t));
		}
	}
	function y(e, t, n) {
		if (e !== c) return;
		c = void 0, h(), d = [];
		let r = [...s.values()];
		s.clear(), e.close();
		let i = n !== void 0 && (n.status < 500 || n.code === "AUTH_STALE");
		for (let e of r) e.onEnd(i ? n : S(t));
	}
	function te() {
		let e = [], t = 0, n = d;
		d = [];
		let r = () => {
			e.length > 0 && v() && c?.send(On(e, t)), e = [], t = 0;
		};
		for (let i of n) (t + i.length > wn || e.length === 1024) && r(), e.push(i), t += i.length;
		r();
	}
	function b(e) {
		d.push(De(e)), d.length === 1 && Tn(te);
	}
	function x() {
		let e = t.now(), n = c;
		if (!n) return;
		s.size > 0 && (m = e);
		let r = e - p > 4e4 ? "the node fell silent" : e - m >= o && "it was idle";
		r ? y(n, r) : (b({ op: "ping" }), h = t.after(Math.min(_t, o), x));
	}
	function S(e, t) {
		let n = Error(e, { cause: { code: t } });
		return new u("NODE_UNREACHABLE", {
			url: r,
			reason: e
		}, { cause: n });
	}
	return {
		open: g,
		isOpen: v,
		start(e, n) {
			let r = f++;
			m = t.now();
			let i = e(r);
			return b(i), s.set(r, n), { stop() {
				s.delete(r) && b({
					op: i.op === "subscribe" ? "unsubscribe" : "cancel",
					id: r
				});
			} };
		},
		close() {
			c && y(c, "the client was closed");
		}
	};
}
function Dn(e) {
	let { code: t, message: n, details: r, status: i, requestId: a } = e;
	return new Y({
		code: String(t),
		message: String(n ?? ""),
		details: r ?? {},
		status: Number(i),
		requestId: a === void 0 ? void 0 : String(a)
	});
}
function On(e, t) {
	let { length: n } = e, r = n < 24 ? [128 | n] : n < 256 ? [152, n] : [
		153,
		n >> 8,
		n & 255
	], i = new Uint8Array(r.length + t);
	i.set(r);
	let a = r.length;
	for (let t of e) i.set(t, a), a += t.length;
	return i;
}
// packages/sdk/src/socket/weight.ts
function Z(e) {
	if (typeof e == "string") return 9 + 3 * e.length;
	if (e instanceof Uint8Array) return 9 + e.length;
	if (typeof e != "object" || !e) return 9;
	let t = 9;
	if (Array.isArray(e)) for (let n of e) t += Z(n);
	else for (let [n, r] of Object.entries(e)) t += 9 + 3 * n.length + Z(r);
	return t;
}
// packages/sdk/src/socket/socket-transport.ts
var kn = 6e4, An = gt - 65536, jn = 3e4;
function Mn({ WebSocket: e, timing: t, http: n }, { urls: r, token: i, app: a }) {
	let o = r.map((n) => En({
		WebSocket: e,
		timing: t
	}, {
		url: n,
		token: i,
		app: a,
		idleMs: kn
	})), s = r.map(() => -Infinity);
	async function c(e, t) {
		let n = o[e];
		return n.isOpen() || await n.open(t), n;
	}
	return {
		link: c,
		async attempt(e, i, a, l) {
			let u = W[e];
			if ("kind" in u.output && u.output.kind === "page" || t.now() < s[a]) return n.attempt(e, i, a, l);
			let d = bn(u, i);
			if (Z(d.body) > An) return n.attempt(e, i, a, l);
			let f = o[a];
			if (!f.isOpen()) try {
				f = await c(a, l);
			} catch (r) {
				if (l.aborted) throw r;
				let o = await n.attempt(e, i, a, l);
				return s[a] = t.now() + jn, o;
			}
			return xn(u, await Nn(f, e, d, l), r[a]);
		},
		close() {
			for (let e of o) e.close();
			n.close();
		}
	};
}
function Nn(e, t, n, r) {
	return new Promise((i, a) => {
		if (r.aborted) return a(r.reason);
		let o = e.start((e) => ({
			op: "call",
			id: e,
			method: t,
			input: n
		}), {
			onEvent({ output: e }) {
				r.removeEventListener("abort", s), i(e);
			},
			onEnd(e) {
				r.removeEventListener("abort", s), a(e);
			}
		});
		function s() {
			o.stop(), a(r.reason);
		}
		r.addEventListener("abort", s, { once: !0 });
	});
}
// packages/sdk/src/socket/subscribe.ts
var Pn = 8192, Fn = 33554432, In = 1e4;
function Ln({ transport: e, timing: t, online: n, closed: r }, { nodes: i, baseDelayMs: a, maxDelayMs: o }) {
	let s = 0;
	async function* c(e, r, c, d) {
		let f = r, p = 0, m;
		for (; !c.aborted;) {
			let r = s;
			try {
				for await (let t of l(e, f, r, c)) p = 0, m = t.at(-1), yield t;
				return;
			} catch (e) {
				if (c.aborted) return;
				if (d && m && (f = d(f, m)), e instanceof Bn) continue;
				if (!(e instanceof u && e.retry)) throw e;
				s === r && (s = (r + 1) % i), p++;
				let l = Math.min(o, a * 2 ** Math.min(20, Math.floor(p / i)));
				if (p >= i) {
					let e = n.isOnline() ? l * t.random() : void 0;
					await Rt({
						timing: t,
						online: n
					}, e, c).catch(() => {});
				}
			}
		}
	}
	async function* l(n, r, i, a) {
		let o = Ct[n], s = await e.link(i, a), c = [], l = 0, d = () => {}, f, p = (e) => {
			f ??= e === void 0 ? {} : { error: e }, d();
		}, m = s.start((e) => ({
			...Vn(o, r),
			op: "subscribe",
			id: e,
			kind: n
		}), {
			onEvent(e) {
				h(), c.push(e), l += zn(e), (c.length > Pn || l > Fn) && (m.stop(), p(new Bn())), d();
			},
			onEnd: p
		}), h = t.after(In, () => p(new u("TIMEOUT", {
			what: "The node",
			timeoutMs: In
		}))), g = () => p();
		a.addEventListener("abort", g, { once: !0 });
		try {
			for (;;) if (c.length > 0) {
				let e = c;
				if (c = [], l = 0, a.aborted) return;
				yield e.map((e) => Hn(o, e));
			} else {
				if (f) {
					if ("error" in f) throw f.error;
					return;
				}
				await new Promise((e) => {
					d = e;
				});
			}
		} finally {
			h(), a.removeEventListener("abort", g), m.stop();
		}
	}
	return (e, t, { signal: n, resume: i } = {}) => c(e, t, n ? AbortSignal.any([n, r]) : r, i);
}
function Rn(e) {
	return async function* (t, n, r) {
		for await (let i of e(t, n, r)) yield* i;
	};
}
function zn(e) {
	let t = 128;
	for (let n of ["data", "value"]) {
		let r = e[n];
		r instanceof Uint8Array && (t += r.length);
	}
	return t;
}
var Bn = class extends Error {};
function Vn({ input: e }, t) {
	try {
		return Tt({ of: e }, t);
	} catch (e) {
		throw e instanceof G ? new u("BAD_REQUEST", { reason: `The subscription is refused: ${e.reason}.` }) : e;
	}
}
function Hn({ opened: e, events: t }, { id: n, type: r, ...i }) {
	let a = r === "open" ? e : t[r];
	if (!a) return {
		type: r,
		...i
	};
	try {
		return {
			type: r,
			...Et(a, i)
		};
	} catch (e) {
		throw e instanceof G ? new u("ANSWER_UNEXPECTED", {
			url: "the node",
			reason: e.reason
		}) : e;
	}
}
// packages/sdk/src/sql.ts
function Un(e, ...t) {
	return {
		sql: e.join("?"),
		params: t
	};
}
function Wn(e, t) {
	return Object.assign((n) => {
		let r = async (t, r, { consistency: i, ...a } = {}) => e("sql.query", {
			database: n,
			body: {
				...Q(t, r),
				...i && { consistency: i }
			}
		}, a);
		return {
			name: n,
			rows: r,
			async query(e, t, n) {
				let i = await r(e, t, n);
				return i.rows.map((e) => Gn(i.columns, e));
			},
			execute: (t, r, { idempotencyKey: i, ...a } = {}) => e("sql.execute", {
				database: n,
				idempotencyKey: i,
				body: Q(t, r)
			}, a),
			async transaction(t, { idempotencyKey: r, ...i } = {}) {
				return (await e("sql.transaction", {
					database: n,
					idempotencyKey: r,
					body: { statements: t.map((e) => Q(e)) }
				}, i)).results;
			},
			live(e, { params: r, key: i, signal: a } = {}) {
				return t("sql", {
					database: n,
					...Q(e, r),
					...i && { key: [...i] }
				}, { signal: a });
			},
			async begin(t) {
				let { transaction: r } = await e("sql.begin", { database: n }, t), i = {
					database: n,
					transaction: r
				}, a = !1, o = (t, n, r) => e("sql.step", {
					...i,
					body: Q(t, n)
				}, r), s = async (t) => {
					a = !0, await e("sql.rollback", i, t);
				};
				return {
					execute: o,
					rollback: s,
					async query(e, t, n) {
						let { returned: r = {
							columns: [],
							rows: []
						} } = await o(e, t, n);
						return r.rows.map((e) => Gn(r.columns, e));
					},
					async commit(t) {
						a = !0, await e("sql.commit", i, t);
					},
					async [Symbol.asyncDispose]() {
						a || await s().catch(() => {});
					}
				};
			},
			schema: (t) => e("sql.schema", { database: n }, t),
			status: (t) => e("sql.status", { database: n }, t),
			migrate: (t, r) => e("sql.migrate", {
				database: n,
				body: { migrations: [...t] }
			}, r),
			backup: async (t) => (await e("sql.backup", { database: n }, t)).body,
			async restore(t, r, i) {
				await e("sql.restore", {
					database: n,
					confirm: r,
					body: t
				}, i);
			},
			recover: (t, r) => e("sql.recover", {
				database: n,
				confirm: t
			}, r)
		};
	}, {
		create: (t, n = {}, r) => e("sql.create", {
			database: t,
			body: n
		}, r),
		drop: (t, n, r) => e("sql.drop", {
			database: t,
			confirm: n
		}, r),
		list: async (t) => (await e("sql.list", {}, t)).databases
	});
}
function Q(e, t) {
	return typeof e == "string" ? {
		sql: e,
		...t && { params: t }
	} : {
		sql: e.sql,
		params: t ?? e.params
	};
}
function Gn(e, t) {
	return Object.fromEntries(e.map((e, n) => [e, t[n] ?? null]));
}
// packages/sdk/src/topics.ts
var Kn = 10, qn = new TextDecoder();
function Jn({ call: e, subscribe: t, timing: n }) {
	async function* r(e, { from: n = "start", signal: r } = {}) {
		let i, a = (t) => ({
			topic: e,
			from: String(t)
		}), o = () => a(i ?? n);
		for await (let s of t("pubsub", a(n), {
			signal: r,
			resume: o
		})) for (let t of s) if (t.type === "open") i ??= t.sequence, yield { type: "open" };
		else if (t.type === "gap") i = t.to + 1, yield {
			type: "gap",
			topic: e,
			from: t.from,
			to: t.to
		};
		else if (t.type === "message" && t.sequence !== void 0) {
			if (i !== void 0 && t.sequence < i) continue;
			i = t.sequence + 1, yield $(e, {
				...t,
				sequence: t.sequence
			});
		}
	}
	let i = async (t, n, r, i) => {
		let a = 0;
		for (let o = 0; o < r.length; o += vt) {
			let s = { sequences: r.slice(o, o + vt) };
			a += (await e("topics.acknowledge", {
				topic: t,
				group: n,
				body: s
			}, i)).acknowledged;
		}
		return a;
	};
	async function* a(e, r, { from: a, signal: o } = {}) {
		let s = Yn((t) => i(e, r, t), n), c = {
			topic: e,
			group: r,
			...a !== void 0 && { from: String(a) }
		};
		for await (let n of t("pubsub", c, { signal: o })) for (let t of n) {
			if (t.type !== "message" || t.sequence === void 0) continue;
			let { sequence: n, attempt: r = 1 } = t;
			yield {
				...$(e, {
					...t,
					sequence: n
				}),
				attempt: r,
				ack: () => s(n)
			};
		}
	}
	return {
		append: (t, n, { idempotencyKey: r, ...i } = {}) => e("topics.append", {
			topic: t,
			body: typeof n == "string" ? new TextEncoder().encode(n) : n,
			...r && { idempotencyKey: r }
		}, i),
		follow: r,
		consume: a,
		acknowledge: i,
		async *replay(t, { from: n = "start", signal: r } = {}) {
			for (let i = n; i !== null;) {
				let n = await e("topics.replay", {
					topic: t,
					from: String(i),
					limit: 500
				}, { signal: r });
				for (let e of n.messages) yield $(t, e);
				i = n.next;
			}
		},
		retain: (t, n, r) => e("topics.retain", {
			topic: t,
			...n
		}, r),
		state: (t, n) => e("topics.state", { topic: t }, n)
	};
}
function $(e, { sequence: t, publisher: n, at: r, data: i }) {
	return {
		type: "message",
		topic: e,
		sequence: t,
		publisher: n,
		at: r,
		data: i,
		text: () => qn.decode(i)
	};
}
function Yn(e, t) {
	let n;
	return (r) => {
		if (!n) {
			let r = [];
			n = {
				sequences: r,
				sent: new Promise((i, a) => {
					t.after(Kn, () => {
						n = void 0, e(r).then(() => i(), a);
					});
				})
			};
		}
		return n.sequences.push(r), n.sent;
	};
}
// packages/sdk/src/connect.ts
function Xn(e) {
	let { timeoutMs: t = 3e4, timing: n = Bt } = e, { urls: r, transport: i, links: a } = Qn(e) ? $n(e) : Zn(e, n), o = Lt(r, e.online ?? It), s = {
		baseDelayMs: 100,
		maxDelayMs: 2e3
	}, c = "attemptTimeoutMs" in e ? e.attemptTimeoutMs : void 0, l = Kt({
		transport: i,
		timing: n,
		online: o
	}, {
		urls: r,
		timeoutMs: t,
		attemptTimeoutMs: c ?? (r.length > 1 ? 1e4 : t),
		maxAttempts: e.maxAttempts ?? Math.max(4, r.length),
		...s
	}), d = /* @__PURE__ */ new Set(), f = !1, p = (e, t, n) => {
		if (f) return Promise.reject(new u("CLIENT_CLOSED"));
		let r = l(e, t, n);
		d.add(r);
		let i = () => void d.delete(r);
		return r.then(i, i), r;
	}, m = new AbortController(), h = Ln({
		transport: a,
		timing: n,
		online: o,
		closed: m.signal
	}, {
		nodes: r.length,
		...s
	}), g = Rn(h), _ = async () => {
		f = !0, m.abort(new u("CLIENT_CLOSED")), await Promise.allSettled(d), a.close(), i.close();
	};
	return {
		kv: un(p, {
			subscribe: g,
			timing: n
		}),
		apps: xt(p),
		audit: St(p),
		whoami: (e) => p("apps.whoami", {}, e),
		pubsub: hn({
			call: p,
			subscribe: h,
			timing: n
		}),
		topics: Jn({
			call: p,
			subscribe: h,
			timing: n
		}),
		sql: Wn(p, g),
		rendezvous: yn(p),
		network: pn(p),
		members: fn(p),
		health: (e) => p("health.read", {}, e),
		call: p,
		subscribe: g,
		close: _,
		[Symbol.asyncDispose]: _
	};
}
function Zn(e, t) {
	let { token: n, app: r } = e, i = (typeof e.url == "string" ? [e.url] : e.url).map(tr);
	if (i.length === 0) throw new u("BAD_REQUEST", { reason: "connect needs the address of a node." });
	let a = nn({ fetch: e.fetch ?? globalThis.fetch.bind(globalThis) }, {
		urls: i,
		headers: {
			...n && { authorization: `Bearer ${n}` },
			...r && { "x-p2pos-app": r }
		}
	}), o = Mn({
		WebSocket: e.WebSocket ?? globalThis.WebSocket,
		timing: t,
		http: a
	}, {
		urls: i,
		token: n,
		app: r
	}), { transport: s = er(e) ? "socket" : "http" } = e;
	return {
		urls: i,
		transport: s === "socket" ? o : a,
		links: o
	};
}
var Qn = (e) => typeof e.transport == "object";
function $n({ transport: e }) {
	return {
		urls: ["p2pos:"],
		transport: e,
		links: {
			async link() {
				throw new u("BAD_REQUEST", { reason: "This client has no subscriptions: give connect the HTTP address of a node for them." });
			},
			close() {}
		}
	};
}
function er({ token: e, fetch: t, WebSocket: n = globalThis.WebSocket }) {
	return (e !== void 0 || globalThis.document !== void 0) && t === void 0 && typeof n == "function";
}
function tr(e) {
	let t = URL.parse(e);
	if (t?.protocol === "http:" || t?.protocol === "https:") return `${t.origin}${t.pathname}`.replace(/\/+$/, "");
	throw new u("BAD_REQUEST", { reason: `${e} is no http:// or https:// address.` });
}
export { u as P2posError, Y as RemoteError, Xn as connect, Un as sql };
