package capi

// #include "rollbook.h"
import "C"

// The codes that functions answer.
const (
	OK                 = C.ROLLBOOK_OK
	Nothing            = C.ROLLBOOK_NOTHING
	ENull              = C.ROLLBOOK_E_NULL
	EHandle            = C.ROLLBOOK_E_HANDLE
	EPoisoned          = C.ROLLBOOK_E_POISONED
	EPanic             = C.ROLLBOOK_E_PANIC
	EBufSize           = C.ROLLBOOK_E_BUFSIZE
	EMemory            = C.ROLLBOOK_E_MEMORY
	EUnsupported       = C.ROLLBOOK_E_UNSUPPORTED
	EState             = C.ROLLBOOK_E_STATE
	EArgument          = C.ROLLBOOK_E_ARGUMENT
	EUTF8              = C.ROLLBOOK_E_UTF8
	EConfig            = C.ROLLBOOK_E_CONFIG
	EPeerID            = C.ROLLBOOK_E_PEER_ID
	EKey               = C.ROLLBOOK_E_KEY
	EFormat            = C.ROLLBOOK_E_FORMAT
	EForeign           = C.ROLLBOOK_E_FOREIGN
	EFull              = C.ROLLBOOK_E_FULL
	ENotAuthority      = C.ROLLBOOK_E_NOT_AUTHORITY
	ERecovering        = C.ROLLBOOK_E_RECOVERING
	EUnknownNode       = C.ROLLBOOK_E_UNKNOWN_NODE
	ENotAdmitted       = C.ROLLBOOK_E_NOT_ADMITTED
	ESignature         = C.ROLLBOOK_E_SIGNATURE
	EMalformed         = C.ROLLBOOK_E_MALFORMED
	EIO                = C.ROLLBOOK_E_IO
	EClosed            = C.ROLLBOOK_E_CLOSED
	ETimeout           = C.ROLLBOOK_E_TIMEOUT
	EBusy              = C.ROLLBOOK_E_BUSY
	EIsAuthority       = C.ROLLBOOK_E_IS_AUTHORITY
	ENoLongerAuthority = C.ROLLBOOK_E_NO_LONGER_AUTHORITY
	EPartial           = C.ROLLBOOK_E_PARTIAL
	EDamaged           = C.ROLLBOOK_E_DAMAGED
	EInUse             = C.ROLLBOOK_E_IN_USE
)

// Bounds.
const (
	PeerIDSizeMax     = C.ROLLBOOK_PEER_ID_SIZE_MAX
	AuthoritiesMax    = C.ROLLBOOK_AUTHORITIES_MAX
	NetworkSizeMax    = C.ROLLBOOK_NETWORK_SIZE_MAX
	FrameSizeMax      = C.ROLLBOOK_FRAME_SIZE_MAX
	GossipSizeMax     = C.ROLLBOOK_GOSSIP_SIZE_MAX
	RequestSizeMax    = C.ROLLBOOK_REQUEST_SIZE_MAX
	ResponseSizeMax   = C.ROLLBOOK_RESPONSE_SIZE_MAX
	DrainSizeMin      = C.ROLLBOOK_DRAIN_SIZE_MIN
	AddressesMax      = C.ROLLBOOK_ADDRESSES_MAX
	AddressSizeMax    = C.ROLLBOOK_ADDRESS_SIZE_MAX
	CapabilitiesMax   = C.ROLLBOOK_CAPABILITIES_MAX
	CapabilitySizeMax = C.ROLLBOOK_CAPABILITY_SIZE_MAX
	AgentSizeMax      = C.ROLLBOOK_AGENT_SIZE_MAX
	ExtraSizeMax      = C.ROLLBOOK_EXTRA_SIZE_MAX
	Counters          = C.ROLLBOOK_COUNTERS
	SelectMax         = C.ROLLBOOK_SELECT_MAX
)

// Kinds of keys.
const (
	KeyEd25519   = C.ROLLBOOK_KEY_ED25519
	KeySecp256k1 = C.ROLLBOOK_KEY_SECP256K1
	KeyLibp2p    = C.ROLLBOOK_KEY_LIBP2P
	KeyOutside   = C.ROLLBOOK_KEY_OUTSIDE
)

// Whom an authority lets in.
const (
	AdmissionOpen      = C.ROLLBOOK_ADMISSION_OPEN
	AdmissionAllowList = C.ROLLBOOK_ADMISSION_ALLOW_LIST
	AdmissionManual    = C.ROLLBOOK_ADMISSION_MANUAL
)

// What becomes of a gossip message.
const (
	Accept = C.ROLLBOOK_ACCEPT
	Ignore = C.ROLLBOOK_IGNORE
	Reject = C.ROLLBOOK_REJECT
)

// Kinds of outputs.
const (
	OutputSignature   = C.ROLLBOOK_OUTPUT_SIGNATURE
	OutputJournal     = C.ROLLBOOK_OUTPUT_JOURNAL
	OutputPublication = C.ROLLBOOK_OUTPUT_PUBLICATION
	OutputRequest     = C.ROLLBOOK_OUTPUT_REQUEST
	OutputEvent       = C.ROLLBOOK_OUTPUT_EVENT
)

// Kinds of events.
const (
	EventJoined             = C.ROLLBOOK_EVENT_JOINED
	EventReturned           = C.ROLLBOOK_EVENT_RETURNED
	EventLeft               = C.ROLLBOOK_EVENT_LEFT
	EventUnknown            = C.ROLLBOOK_EVENT_UNKNOWN
	EventChanged            = C.ROLLBOOK_EVENT_CHANGED
	EventAdmitted           = C.ROLLBOOK_EVENT_ADMITTED
	EventRemoved            = C.ROLLBOOK_EVENT_REMOVED
	EventBanned             = C.ROLLBOOK_EVENT_BANNED
	EventForgotten          = C.ROLLBOOK_EVENT_FORGOTTEN
	EventPending            = C.ROLLBOOK_EVENT_PENDING
	EventGrantsChanged      = C.ROLLBOOK_EVENT_GRANTS_CHANGED
	EventEquivocation       = C.ROLLBOOK_EVENT_EQUIVOCATION
	EventRootsDiffer        = C.ROLLBOOK_EVENT_ROOTS_DIFFER
	EventNothingInCommon    = C.ROLLBOOK_EVENT_NOTHING_IN_COMMON
	EventDuplicateIdentity  = C.ROLLBOOK_EVENT_DUPLICATE_IDENTITY
	EventAuthorityInTouch   = C.ROLLBOOK_EVENT_AUTHORITY_IN_TOUCH
	EventAuthorityLost      = C.ROLLBOOK_EVENT_AUTHORITY_LOST
	EventAuthoritiesChanged = C.ROLLBOOK_EVENT_AUTHORITIES_CHANGED
	EventHomeChanged        = C.ROLLBOOK_EVENT_HOME_CHANGED
	EventRecovering         = C.ROLLBOOK_EVENT_RECOVERING
	EventRecovered          = C.ROLLBOOK_EVENT_RECOVERED
	EventBecamePartial      = C.ROLLBOOK_EVENT_BECAME_PARTIAL
	EventBecameWhole        = C.ROLLBOOK_EVENT_BECAME_WHOLE
	EventCompactionDue      = C.ROLLBOOK_EVENT_COMPACTION_DUE
	EventOther              = C.ROLLBOOK_EVENT_OTHER
)

// Standing, presence, roles, grants, counters, facts, statements.
const (
	StandingPending  = C.ROLLBOOK_STANDING_PENDING
	StandingRemoved  = C.ROLLBOOK_STANDING_REMOVED
	StandingBanned   = C.ROLLBOOK_STANDING_BANNED
	StandingAdmitted = C.ROLLBOOK_STANDING_ADMITTED

	HereUnknown = C.ROLLBOOK_HERE_UNKNOWN
	HereOnline  = C.ROLLBOOK_HERE_ONLINE
	HereLeft    = C.ROLLBOOK_HERE_LEFT

	RoleMember    = C.ROLLBOOK_ROLE_MEMBER
	RoleAuthority = C.ROLLBOOK_ROLE_AUTHORITY

	GrantStaked    = C.ROLLBOOK_GRANT_STAKED
	GrantValidator = C.ROLLBOOK_GRANT_VALIDATOR
	GrantApp       = C.ROLLBOOK_GRANT_APP
	GrantLast      = C.ROLLBOOK_GRANT_LAST

	CounterSuccesses = C.ROLLBOOK_COUNTER_SUCCESSES
	CounterTimeouts  = C.ROLLBOOK_COUNTER_TIMEOUTS
	CounterNotFound  = C.ROLLBOOK_COUNTER_NOT_FOUND
	CounterApp       = C.ROLLBOOK_COUNTER_APP

	FactStanding    = C.ROLLBOOK_FACT_STANDING
	FactGrant       = C.ROLLBOOK_FACT_GRANT
	FactSession     = C.ROLLBOOK_FACT_SESSION
	FactHome        = C.ROLLBOOK_FACT_HOME
	FactIntent      = C.ROLLBOOK_FACT_INTENT
	FactAgent       = C.ROLLBOOK_FACT_AGENT
	FactAddress     = C.ROLLBOOK_FACT_ADDRESS
	FactCapability  = C.ROLLBOOK_FACT_CAPABILITY
	FactPresence    = C.ROLLBOOK_FACT_PRESENCE
	FactFirstJoined = C.ROLLBOOK_FACT_FIRST_JOINED
	FactJoined      = C.ROLLBOOK_FACT_JOINED
	FactLeft        = C.ROLLBOOK_FACT_LEFT
	FactUptime      = C.ROLLBOOK_FACT_UPTIME
	FactImported    = C.ROLLBOOK_FACT_IMPORTED
	FactTally       = C.ROLLBOOK_FACT_TALLY
	FactOther       = C.ROLLBOOK_FACT_OTHER

	StatementDecision     = C.ROLLBOOK_STATEMENT_DECISION
	StatementPresence     = C.ROLLBOOK_STATEMENT_PRESENCE
	StatementAnnouncement = C.ROLLBOOK_STATEMENT_ANNOUNCEMENT
)
