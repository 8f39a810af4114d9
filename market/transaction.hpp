#pragma once

#include <span>
#include <variant>

#include "common/amount.hpp"
#include "common/json.hpp"
#include "common/vote.hpp"
#include "market/claim.hpp"
#include "market/job_spec.hpp"

/// Everything that may be sent to the ledger. Each body has a number for ever; families leave room.
/// Reserved and refused when decoded: 0x50–0x5f audits, 0x60–0x6f challenges and the game,
/// 0x71–0x7f withheld data.
/// Source: docs/protocol/transactions.md.
namespace millrace::market {

// ---- accounts ------------------------------------------------------------------------------
inline constexpr std::size_t kMemoMax = 64;

struct Transfer {
    static constexpr const char* kName = "transfer";
    static constexpr std::uint8_t kNumber = 0x01;
    Address to;
    Amount amount;
    /// Free bytes for the receiver, such as an invoice's number.
    BoundedBytes<kMemoMax> memo;
    friend bool operator==(const Transfer&, const Transfer&) = default;
};
BOOST_DESCRIBE_STRUCT(Transfer, (), (to, amount, memo))

/// Makes money on a chain whose genesis allows it (--dev); free of fees, so that an empty account
/// can send it.
struct Faucet {
    static constexpr const char* kName = "faucet";
    static constexpr std::uint8_t kNumber = 0x02;
    Address to;
    Amount amount;
    friend bool operator==(const Faucet&, const Faucet&) = default;
};
BOOST_DESCRIBE_STRUCT(Faucet, (), (to, amount))

// ---- providers -----------------------------------------------------------------------------
inline constexpr std::size_t kEndpointMax = 256;
using Endpoint = BoundedString<kEndpointMax>;

/// Makes the sender's account a provider.
struct ProviderRegister {
    static constexpr const char* kName = "provider_register";
    static constexpr std::uint8_t kNumber = 0x10;
    /// Its hot key may bid, start, commit and reveal; it cannot touch stake.
    Address operator_account;
    Address payout_account;
    VrfKey vrf_key;
    EncryptionKey encryption_key;
    /// Where inputs and outputs are served, host:port.
    Endpoint endpoint;
    Amount stake;
    Ask ask;
    /// Rent for its place in the book, never given back. When the book is full, a new ask takes the
    /// place of the one without leases that paid least, if it pays more.
    std::optional<Amount> admission;
    friend bool operator==(const ProviderRegister&, const ProviderRegister&) = default;
};
BOOST_DESCRIBE_STRUCT(ProviderRegister, (),
                      (operator_account, payout_account, vrf_key, encryption_key, endpoint, stake,
                       ask, admission))

/// By owner or operator: where and how the provider is reached. Absent members stay as they are.
struct ProviderUpdate {
    static constexpr const char* kName = "provider_update";
    static constexpr std::uint8_t kNumber = 0x11;
    ProviderId provider;
    std::optional<Endpoint> endpoint;
    std::optional<EncryptionKey> encryption_key;
    std::optional<VrfKey> vrf_key;
    friend bool operator==(const ProviderUpdate&, const ProviderUpdate&) = default;
};
BOOST_DESCRIBE_STRUCT(ProviderUpdate, (), (provider, endpoint, encryption_key, vrf_key))

/// By owner or operator: a new ask, under notice where it is worse for buyers.
struct ProviderAsk {
    static constexpr const char* kName = "provider_ask";
    static constexpr std::uint8_t kNumber = 0x12;
    ProviderId provider;
    Ask ask;
    friend bool operator==(const ProviderAsk&, const ProviderAsk&) = default;
};
BOOST_DESCRIBE_STRUCT(ProviderAsk, (), (provider, ask))

struct ProviderPause {
    static constexpr const char* kName = "provider_pause";
    static constexpr std::uint8_t kNumber = 0x13;
    ProviderId provider;
    friend bool operator==(const ProviderPause&, const ProviderPause&) = default;
};
BOOST_DESCRIBE_STRUCT(ProviderPause, (), (provider))

struct ProviderResume {
    static constexpr const char* kName = "provider_resume";
    static constexpr std::uint8_t kNumber = 0x14;
    ProviderId provider;
    /// As at registration: the place that it left is somebody else's by now.
    std::optional<Amount> admission = std::nullopt;
    friend bool operator==(const ProviderResume&, const ProviderResume&) = default;
};
BOOST_DESCRIBE_STRUCT(ProviderResume, (), (provider, admission))

/// Anyone may add to a provider's stake; it belongs to the owner from then on.
struct ProviderStake {
    static constexpr const char* kName = "provider_stake";
    static constexpr std::uint8_t kNumber = 0x15;
    ProviderId provider;
    Amount amount;
    friend bool operator==(const ProviderStake&, const ProviderStake&) = default;
};
BOOST_DESCRIBE_STRUCT(ProviderStake, (), (provider, amount))

/// By the owner: begins to unbond free stake. With all of it, the provider leaves the market.
struct ProviderUnstake {
    static constexpr const char* kName = "provider_unstake";
    static constexpr std::uint8_t kNumber = 0x16;
    ProviderId provider;
    Amount amount;
    friend bool operator==(const ProviderUnstake&, const ProviderUnstake&) = default;
};
BOOST_DESCRIBE_STRUCT(ProviderUnstake, (), (provider, amount))

/// By anyone: pays unbonded stake to the owner.
struct ProviderWithdraw {
    static constexpr const char* kName = "provider_withdraw";
    static constexpr std::uint8_t kNumber = 0x17;
    ProviderId provider;
    friend bool operator==(const ProviderWithdraw&, const ProviderWithdraw&) = default;
};
BOOST_DESCRIBE_STRUCT(ProviderWithdraw, (), (provider))

/// By the owner: exchanges the operator's or the payout account. Absent members stay.
struct ProviderKeys {
    static constexpr const char* kName = "provider_keys";
    static constexpr std::uint8_t kNumber = 0x18;
    ProviderId provider;
    std::optional<Address> operator_account;
    std::optional<Address> payout_account;
    friend bool operator==(const ProviderKeys&, const ProviderKeys&) = default;
};
BOOST_DESCRIBE_STRUCT(ProviderKeys, (), (provider, operator_account, payout_account))

// ---- modules -------------------------------------------------------------------------------
/// What validators sign after they have fetched and lowered a module.
struct ModuleStatement {
    ChainId chain;
    /// Whose validator set signs.
    Epoch epoch;
    BlobRoot blob;
    ImageRoot image;
    std::uint64_t size = 0;
    std::uint32_t features = 0;
    std::uint16_t protocol_version = 0;
    friend bool operator==(const ModuleStatement&, const ModuleStatement&) = default;
};
BOOST_DESCRIBE_STRUCT(ModuleStatement, (),
                      (chain, epoch, blob, image, size, features, protocol_version))
/// The 32 bytes that a validator's vote key signs: H("mill/module", statement).
[[nodiscard]] Hash module_statement_hash(const ModuleStatement& statement);

struct ModuleSignature {
    /// Index in the epoch's validator set; ascending in the list.
    std::uint16_t validator = 0;
    Ed25519Signature signature;
    friend bool operator==(const ModuleSignature&, const ModuleSignature&) = default;
};
BOOST_DESCRIBE_STRUCT(ModuleSignature, (), (validator, signature))

/// Puts a module on chain for a paid time, with more than two thirds of the weight behind its root.
struct ModulePublish {
    static constexpr const char* kName = "module_publish";
    static constexpr std::uint8_t kNumber = 0x20;
    ModuleStatement statement;
    BoundedVector<ModuleSignature, kValidatorsMax> signatures;
    std::uint64_t life_ms = 0;
    friend bool operator==(const ModulePublish&, const ModulePublish&) = default;
};
BOOST_DESCRIBE_STRUCT(ModulePublish, (), (statement, signatures, life_ms))

/// By anyone: pays for a longer life.
struct ModuleRenew {
    static constexpr const char* kName = "module_renew";
    static constexpr std::uint8_t kNumber = 0x21;
    ImageRoot image;
    std::uint64_t life_ms = 0;
    friend bool operator==(const ModuleRenew&, const ModuleRenew&) = default;
};
BOOST_DESCRIBE_STRUCT(ModuleRenew, (), (image, life_ms))

// ---- jobs ----------------------------------------------------------------------------------
struct JobPost {
    static constexpr const char* kName = "job_post";
    static constexpr std::uint8_t kNumber = 0x30;
    JobSpec spec;
    friend bool operator==(const JobPost&, const JobPost&) = default;
};
BOOST_DESCRIBE_STRUCT(JobPost, (), (spec))

/// By the buyer: takes unleased lots off the market.
struct JobCancel {
    static constexpr const char* kName = "job_cancel";
    static constexpr std::uint8_t kNumber = 0x31;
    JobId job;
    friend bool operator==(const JobCancel&, const JobCancel&) = default;
};
BOOST_DESCRIBE_STRUCT(JobCancel, (), (job))

/// By anyone: adds money to a job's spare funds, from which a raise draws first. What is left at
/// the job's end goes to the buyer.
struct JobTopup {
    static constexpr const char* kName = "job_topup";
    static constexpr std::uint8_t kNumber = 0x32;
    JobId job;
    Amount amount;
    friend bool operator==(const JobTopup&, const JobTopup&) = default;
};
BOOST_DESCRIBE_STRUCT(JobTopup, (), (job, amount))

/// By the buyer: a higher limit for the lots that are not leased yet.
struct JobRaise {
    static constexpr const char* kName = "job_raise";
    static constexpr std::uint8_t kNumber = 0x33;
    JobId job;
    Price limit;
    friend bool operator==(const JobRaise&, const JobRaise&) = default;
};
BOOST_DESCRIBE_STRUCT(JobRaise, (), (job, limit))

// ---- leases --------------------------------------------------------------------------------
/// "I hold the whole input": ends the start clock, begins the commit clock.
struct LeaseStart {
    static constexpr const char* kName = "lease_start";
    static constexpr std::uint8_t kNumber = 0x40;
    LeaseId lease;
    friend bool operator==(const LeaseStart&, const LeaseStart&) = default;
};
BOOST_DESCRIBE_STRUCT(LeaseStart, (), (lease))

struct LeaseCommit {
    static constexpr const char* kName = "lease_commit";
    static constexpr std::uint8_t kNumber = 0x41;
    LeaseId lease;
    Commitment commitment;
    friend bool operator==(const LeaseCommit&, const LeaseCommit&) = default;
};
BOOST_DESCRIBE_STRUCT(LeaseCommit, (), (lease, commitment))

/// By anyone: the salt proves that the provider made the list.
struct LeaseReveal {
    static constexpr const char* kName = "lease_reveal";
    static constexpr std::uint8_t kNumber = 0x42;
    LeaseId lease;
    Salt salt;
    BoundedVector<Claim, kTasksPerLotMax> claims;
    friend bool operator==(const LeaseReveal&, const LeaseReveal&) = default;
};
BOOST_DESCRIBE_STRUCT(LeaseReveal, (), (lease, salt, claims))

/// "The buyer's input cannot be had": ends the lease with no loss to either side.
struct LeaseReportInput {
    static constexpr const char* kName = "lease_report_input";
    static constexpr std::uint8_t kNumber = 0x43;
    LeaseId lease;
    friend bool operator==(const LeaseReportInput&, const LeaseReportInput&) = default;
};
BOOST_DESCRIBE_STRUCT(LeaseReportInput, (), (lease))

/// Gives a lease back before it is started; costs half the reserve.
struct LeaseReturn {
    static constexpr const char* kName = "lease_return";
    static constexpr std::uint8_t kNumber = 0x44;
    LeaseId lease;
    friend bool operator==(const LeaseReturn&, const LeaseReturn&) = default;
};
BOOST_DESCRIBE_STRUCT(LeaseReturn, (), (lease))

/// Kinds of things that come due; numbers are part of state keys.
enum class DueKind : std::uint8_t {
    lease_start = 1,
    lease_commit = 2,
    lease_reveal = 3,
    chunk_window = 4,
    job_expiry = 5,
    lease_retention = 6,
    job_delete = 7,
    module_expiry = 8,
    job_wind_down = 9,
};
BOOST_DESCRIBE_ENUM(DueKind, lease_start, lease_commit, lease_reveal, chunk_window, job_expiry,
                    lease_retention, job_delete, module_expiry, job_wind_down)

/// By anyone: does now what a sweep would do, for one item that is due. Nothing stays locked
/// because a queue is long.
struct LockRelease {
    static constexpr const char* kName = "lock_release";
    static constexpr std::uint8_t kNumber = 0x45;
    DueKind kind = DueKind::lease_start;
    ActiveTime due;
    /// The lease, job or image that it is about.
    Hash subject;
    /// The chunk, where a chunk is due; else 0.
    std::uint32_t chunk = 0;
    friend bool operator==(const LockRelease&, const LockRelease&) = default;
};
BOOST_DESCRIBE_STRUCT(LockRelease, (), (kind, due, subject, chunk))

// ---- evidence ------------------------------------------------------------------------------
/// By anyone: two votes that prove a validator's fault. Its stake is slashed, a part goes to the
/// sender, and it never votes again.
struct EvidenceVotes {
    static constexpr const char* kName = "evidence_votes";
    static constexpr std::uint8_t kNumber = 0x70;
    Evidence evidence;
    friend bool operator==(const EvidenceVotes&, const EvidenceVotes&) = default;
};
BOOST_DESCRIBE_STRUCT(EvidenceVotes, (), (evidence))

// ---- validators ----------------------------------------------------------------------------
/// A validator's three keys. Vote and peer key prove that their holder agrees: each signs
/// `validator_keys_hash`.
struct ValidatorKeySet {
    Ed25519Key vote_key;
    VrfKey vrf_key;
    Ed25519Key peer_key;
    Ed25519Signature vote_proof;
    Ed25519Signature peer_proof;
    friend bool operator==(const ValidatorKeySet&, const ValidatorKeySet&) = default;
};
BOOST_DESCRIBE_STRUCT(ValidatorKeySet, (), (vote_key, vrf_key, peer_key, vote_proof, peer_proof))
/// H("mill/valkeys", chain ‖ owner ‖ vote key ‖ VRF key ‖ peer key).
[[nodiscard]] Hash validator_keys_hash(const ChainId& chain, const ValidatorId& owner,
                                       const ValidatorKeySet& keys);

/// Makes the sender's account a validator. It stands in the set of the epoch after the next, if its
/// stake is among the largest.
struct ValidatorRegister {
    static constexpr const char* kName = "validator_register";
    static constexpr std::uint8_t kNumber = 0x80;
    /// May end a jail; cannot touch stake or keys.
    Address operator_account;
    Address payout_account;
    ValidatorKeySet keys;
    Amount stake;
    friend bool operator==(const ValidatorRegister&, const ValidatorRegister&) = default;
};
BOOST_DESCRIBE_STRUCT(ValidatorRegister, (), (operator_account, payout_account, keys, stake))

/// Anyone may add to a validator's stake; it belongs to the owner from then on.
struct ValidatorStake {
    static constexpr const char* kName = "validator_stake";
    static constexpr std::uint8_t kNumber = 0x81;
    ValidatorId validator;
    Amount amount;
    friend bool operator==(const ValidatorStake&, const ValidatorStake&) = default;
};
BOOST_DESCRIBE_STRUCT(ValidatorStake, (), (validator, amount))

/// By the owner: begins to unbond stake. With all of it, the validator leaves the set of the epoch
/// after the next.
struct ValidatorUnstake {
    static constexpr const char* kName = "validator_unstake";
    static constexpr std::uint8_t kNumber = 0x82;
    ValidatorId validator;
    Amount amount;
    friend bool operator==(const ValidatorUnstake&, const ValidatorUnstake&) = default;
};
BOOST_DESCRIBE_STRUCT(ValidatorUnstake, (), (validator, amount))

/// By anyone: pays unbonded stake to the owner, once no vote it stood behind can be accused.
struct ValidatorWithdraw {
    static constexpr const char* kName = "validator_withdraw";
    static constexpr std::uint8_t kNumber = 0x83;
    ValidatorId validator;
    friend bool operator==(const ValidatorWithdraw&, const ValidatorWithdraw&) = default;
};
BOOST_DESCRIBE_STRUCT(ValidatorWithdraw, (), (validator))

/// By the owner: exchanges keys, in force with the set of the epoch after the next, or accounts.
/// Absent members stay.
struct ValidatorKeys {
    static constexpr const char* kName = "validator_keys";
    static constexpr std::uint8_t kNumber = 0x84;
    ValidatorId validator;
    std::optional<ValidatorKeySet> keys;
    std::optional<Address> operator_account;
    std::optional<Address> payout_account;
    friend bool operator==(const ValidatorKeys&, const ValidatorKeys&) = default;
};
BOOST_DESCRIBE_STRUCT(ValidatorKeys, (), (validator, keys, operator_account, payout_account))

/// By owner or operator: ends a jail whose time is over.
struct ValidatorUnjail {
    static constexpr const char* kName = "validator_unjail";
    static constexpr std::uint8_t kNumber = 0x85;
    ValidatorId validator;
    friend bool operator==(const ValidatorUnjail&, const ValidatorUnjail&) = default;
};
BOOST_DESCRIBE_STRUCT(ValidatorUnjail, (), (validator))

// ---- envelope ------------------------------------------------------------------------------
using TxBody =
    std::variant<Transfer, Faucet, ProviderRegister, ProviderUpdate, ProviderAsk, ProviderPause,
                 ProviderResume, ProviderStake, ProviderUnstake, ProviderWithdraw, ProviderKeys,
                 ModulePublish, ModuleRenew, JobPost, JobCancel, JobTopup, JobRaise, LeaseStart,
                 LeaseCommit, LeaseReveal, LeaseReportInput, LeaseReturn, LockRelease,
                 EvidenceVotes, ValidatorRegister, ValidatorStake, ValidatorUnstake,
                 ValidatorWithdraw, ValidatorKeys, ValidatorUnjail>;

/// Lanes are separate sequences of one account, so that a stuck payment never holds up a reveal.
inline constexpr std::uint8_t kNonceLanes = 16;

struct Nonce {
    std::uint8_t lane = 0;
    /// Counts from 0 in each lane.
    std::uint64_t sequence = 0;
    friend auto operator<=>(const Nonce&, const Nonce&) = default;
};
BOOST_DESCRIBE_STRUCT(Nonce, (), (lane, sequence))

/// What is signed. On the wire the body is its number (one byte), then its members.
struct Tx {
    ChainId chain;
    AccountKey sender;
    Nonce nonce;
    /// The most that base fee and tip together may take.
    Amount fee_max;
    /// To the proposer, on top of the base fee.
    Amount tip;
    /// The block's wall time must be below this.
    WallTime expiry;
    TxBody body;

    // In the source file: a variant of thirty is copied and moved by much code, which need not be
    // made anew wherever a transaction is handed on.
    Tx();
    Tx(const Tx& other);
    Tx(Tx&& other) noexcept;
    Tx& operator=(const Tx& other);
    Tx& operator=(Tx&& other) noexcept;
    ~Tx();
    friend bool operator==(const Tx& a, const Tx& b);
    void encode_into(Encoder& out) const;
    void decode_from(Decoder& in);
};
BOOST_DESCRIBE_STRUCT(Tx, (), (chain, sender, nonce, fee_max, tip, expiry, body))

struct SignedTx {
    Tx tx;
    AccountSignature signature;
    friend bool operator==(const SignedTx&, const SignedTx&) = default;
};
BOOST_DESCRIBE_STRUCT(SignedTx, (), (tx, signature))

/// The 32 bytes that the sender signs: H("mill/txsign", tx).
[[nodiscard]] Hash signing_hash(const Tx& tx);
[[nodiscard]] TxHash tx_hash(const SignedTx& tx);
/// The number of a body's type.
[[nodiscard]] std::uint8_t body_number(const TxBody& body);
/// The id of the job that this account's transaction with this nonce posts: known before it is
/// sent, so that the input can be announced first.
[[nodiscard]] JobId job_id_of(const ChainId& chain, const Address& sender, const Nonce& nonce);

/// Whether a body may use the reserved quarter of a block, at the capped and prepaid fee.
[[nodiscard]] bool is_move(const TxBody& body);

}  // namespace millrace::market
