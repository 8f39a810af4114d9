#pragma once

#include <optional>
#include <variant>

#include "consensus/beacon.hpp"
#include "consensus/epoch.hpp"
#include "consensus/evidence.hpp"

/// What goes into the state machine and what comes out of it.
/// The driver (node/chain/engine, the simulation) owes three things: it delivers effects in order;
/// it answers every Persist once all its records, and those of earlier ones, are durable; and it
/// feeds events one at a time.
namespace millrace::consensus {

// ---- the durable log ----

/// An own vote, durable before it is signed.
struct VoteRecord {
    Epoch epoch;
    Subject subject;
    friend bool operator==(const VoteRecord&, const VoteRecord&) = default;
};
BOOST_DESCRIBE_STRUCT(VoteRecord, (), (epoch, subject))
/// A certificate that this validator has acted on.
struct CertificateRecord {
    Certificate certificate;
    friend bool operator==(const CertificateRecord&, const CertificateRecord&) = default;
};
BOOST_DESCRIBE_STRUCT(CertificateRecord, (), (certificate))
/// A block that this validator votes for: were all copies lost in a power cut, a block finalized by
/// some could be recovered by none.
struct BlockRecord {
    Epoch epoch;
    BoundedBytes<kBlockBytesMax> block;
    friend bool operator==(const BlockRecord&, const BlockRecord&) = default;
};
BOOST_DESCRIBE_STRUCT(BlockRecord, (), (epoch, block))
/// Nothing below this view is ever signed again; the log below it may go.
struct FloorRecord {
    Epoch epoch;
    View floor;
    friend bool operator==(const FloorRecord&, const FloorRecord&) = default;
};
BOOST_DESCRIBE_STRUCT(FloorRecord, (), (epoch, floor))
/// This log holds every vote of its validator in the epoch `whole`, and in each that began at
/// `since` or later. The first record of a log: one without it may stand in the place of a log that
/// was lost, and then nobody knows what was signed.
struct TableRecord {
    std::optional<Epoch> whole;
    WallTime since;
    friend bool operator==(const TableRecord&, const TableRecord&) = default;
};
BOOST_DESCRIBE_STRUCT(TableRecord, (), (whole, since))
using Record = std::variant<VoteRecord, CertificateRecord, BlockRecord, FloorRecord, TableRecord>;

/// Counts Persist effects of one engine, from 1.
using PersistId = Unit<struct PersistIdTag>;

// ---- events ----

/// First event after construction: votes of the log are signed again and re-sent, timers armed.
struct Start {};
/// A decoded message; `from` is none when its sender is no validator of this epoch (then nothing is
/// answered).
struct Received {
    std::optional<ValidatorIndex> from;
    Message message;
};
/// The moment asked for by SetTimer has come. Harmless at any other time.
struct TimerFired {};
/// All records up to this Persist are durable.
struct Persisted {
    PersistId id;
};
/// The answer to Sign.
struct Signed {
    Subject subject;
    Ed25519Signature signature;
};
/// The answers to BuildBlock. Declining skips the own view at once.
struct BlockBuilt {
    View view;
    Bytes block;
    bool last_of_epoch = false;
};
struct BuildDeclined {
    View view;
};
enum class Verdict : std::uint8_t { valid = 1, invalid = 2, pending = 3 };
BOOST_DESCRIBE_ENUM(Verdict, valid, invalid, pending)
/// The answer to CheckBlock. `invalid` is for good and makes this validator nullify; "I am still
/// syncing", "the disk is slow" are `pending`: a transient no would halt the chain. After `pending`
/// the application answers again by itself.
struct BlockChecked {
    View view;
    BlockHash block;
    Verdict verdict = Verdict::pending;
    bool last_of_epoch = false;
};
/// The application holds this block, executed, durably; the log below it may go.
struct FinalizedDurably {
    BlockHash block;
};
/// Whether blocks have something to do: a transaction waits, a deadline is due, an auction has a
/// changed order (docs/protocol/block.md, "Pacing").
struct WorkWaiting {
    bool waiting = false;
};
/// The application found, by executing a finalized block, that the epoch is over.
struct CloseEpoch {};

struct Event {
    Instant now;
    std::variant<Start, Received, TimerFired, Persisted, Signed, BlockBuilt, BuildDeclined,
                 BlockChecked, FinalizedDurably, WorkWaiting, CloseEpoch>
        what;
};

// ---- effects ----

/// Append to the log and sync; then answer Persisted. Several may share one sync.
struct Persist {
    PersistId id;
    std::vector<Record> records;
};
/// Sign `signed_bytes(chain, epoch, subject)` with the vote key; answer Signed.
/// Only ever returned after the vote's record is durable.
struct Sign {
    Subject subject;
};
/// To every other validator of the epoch. Certificates also go to full nodes.
struct Broadcast {
    Message message;
};
struct Send {
    std::vector<ValidatorIndex> to;
    Message message;
};
/// Replaces the timer: fire at this monotonic time.
struct SetTimer {
    std::uint64_t at_ms = 0;
};
/// Build a block for the own view on this parent, with a timestamp not below `timestamp_min`.
struct BuildBlock {
    View view;
    ParentBlock parent;
    WallTime timestamp_min;
    /// The newest vote of each validator that was heard in an earlier view, by signer: what a block
    /// may show as signs of life.
    std::vector<Vote> votes = {};
};
/// Execute this block and compare its root. `certified`: a quorum vouches for it already, so that
/// an `invalid` means that this node computes something else than the others.
struct CheckBlock {
    View view;
    ValidatorIndex leader;
    ParentBlock parent;
    BlockPtr block;
    bool certified = false;
};
/// A validator asks for a block that consensus has let go; send it a BlockResponse if it is there.
struct ServeBlock {
    ValidatorIndex to;
    BlockHash block;
};
/// These blocks, in order, are final; the certificate proves the last one. `blocks` is empty when a
/// re-proposal of a final block became final. At least once: a crash before FinalizedDurably
/// repeats it.
struct Finalize {
    std::vector<BlockPtr> blocks;
    Certificate certificate;
};
/// The boundary block is final: the next epoch's engine can start. This one votes no more; it
/// serves, and listens for evidence and for a conflicting final block.
struct EpochEnded {
    BlockHash boundary;
    Certificate certificate;
};
/// Put this into a block.
struct FoundEvidence {
    Evidence evidence;
};
enum class PeerFault : std::uint8_t {
    bad_signature = 1,
    bad_certificate = 2,
    malformed_block = 3,
    unknown_signer = 4,
};
BOOST_DESCRIBE_ENUM(PeerFault, bad_signature, bad_certificate, malformed_block, unknown_signer)
/// A provable fault of a peer (never slowness, repetition or earliness).
struct Blame {
    ValidatorIndex peer;
    PeerFault fault = PeerFault::bad_signature;
};
/// The finalized chain is further ahead than blocks are fetched one by one: sync up to this
/// certificate, then make a new engine from there. Repeated with each newer finalization.
struct FellBehind {
    Certificate certificate;
};
enum class HaltReason : std::uint8_t {
    /// Two conflicting blocks are final: more than a third of the weight is guilty.
    conflicting_finality = 1,
    /// The quorum finalized or notarized what this node computes to be invalid.
    invalid_certified_block = 2,
    /// kUnfinalizedViewsMax views gone through without a final block.
    too_many_views = 3,
};
BOOST_DESCRIBE_ENUM(HaltReason, conflicting_finality, invalid_certified_block, too_many_views)
/// Stop voting and call a human. Nothing is signed after it.
struct Halt {
    HaltReason reason = HaltReason::conflicting_finality;
};

using Effect =
    std::variant<Persist, Sign, Broadcast, Send, SetTimer, BuildBlock, CheckBlock, ServeBlock,
                 Finalize, EpochEnded, FoundEvidence, Blame, FellBehind, Halt>;

}  // namespace millrace::consensus
