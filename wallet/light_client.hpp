#pragma once

#include <optional>
#include <string_view>

#include "market/block/header.hpp"
#include "market/genesis.hpp"
#include "market/ledger/validators.hpp"
#include "market/node_answers.hpp"

/// What a wallet checks before it believes a node: headers against the certificate of their epoch's
/// validators, each epoch's validators against those before them, rows of the state against a
/// header. Pure: no clock, no node, no disk.
/// Source: docs/decisions/0041-a-wallet-that-trusts-no-node.md.
namespace millrace::wallet {

/// What a wallet knows of a chain, and what its next checks stand on.
struct Trust {
    std::uint32_t version = 1;
    ChainId chain;
    Network network = Network::test;
    /// Its money is made on request, so nobody forges its past for money.
    bool is_play_money = false;
    /// For how long validators can be punished for what they signed; beyond it their old keys may
    /// be for sale.
    std::uint64_t accusable_ms = 0;
    /// The sets are those of this epoch and of the next one.
    Epoch epoch;
    market::EpochSet set;
    market::EpochSet next_set;
    /// The block that ended the epoch before, whose state has the second set; none at the
    /// beginning.
    std::optional<BlockHash> checkpoint;
    /// When the sets were last known to be right: the time of that block, or of the genesis.
    WallTime since;
    /// The newest block that was verified.
    Height height;
    BlockHash head;
    WallTime head_time;
};
BOOST_DESCRIBE_STRUCT(Trust, (),
                      (version, chain, network, is_play_money, accusable_ms, epoch, set, next_set,
                       checkpoint, since, height, head, head_time))

/// Why something that a node showed is not believed.
enum class ProofFault : std::uint8_t {
    other_chain = 1,
    version_unknown = 2,
    /// Of an epoch that the trusted sets are past.
    epoch_past = 3,
    /// Of an epoch whose set is not known; or a handover that is not the next one.
    epoch_ahead = 4,
    recovery_differs = 5,
    certificate_missing = 6,
    certificate_malformed = 7,
    not_a_finalization = 8,
    certificate_of_another = 9,
    /// Too few signers, or a signature that does not hold.
    certificate_invalid = 10,
    set_unproven = 11,
    set_malformed = 12,
    row_unproven = 13,
    row_count_differs = 14,
    /// Older than a chain's newest block can be.
    head_old = 15,
    /// Older than what was verified before.
    head_behind = 16,
    /// Another block than was verified at the same height: more than a third of the validators
    /// have signed both.
    fork = 17,
};
BOOST_DESCRIBE_ENUM(ProofFault, other_chain, version_unknown, epoch_past, epoch_ahead,
                    recovery_differs, certificate_missing, certificate_malformed,
                    not_a_finalization, certificate_of_another, certificate_invalid, set_unproven,
                    set_malformed, row_unproven, row_count_differs, head_old, head_behind, fork)
/// What did not agree, as the second half of a sentence.
[[nodiscard]] std::string_view sentence(ProofFault fault);

/// The trust that the genesis document gives. The caller has compared its hash with a chain id, and
/// `check_genesis` holds.
[[nodiscard]] Trust trust_of(const market::Genesis& genesis);

/// Checks that validators of the chain made this block final, by a certificate of this very block.
/// It must be of an epoch whose set is trusted. Cost: a signature check for each signer.
[[nodiscard]] Status<ProofFault> check_header(const Trust& trust, const market::BlockHeader& header,
                                              const std::optional<Bytes>& certificate);

/// Moves the trust on by one epoch, or leaves it as it is.
[[nodiscard]] Status<ProofFault> advance(Trust& trust, const market::Handover& handover);

/// Checks one row against the state root of a checked header.
[[nodiscard]] Status<ProofFault> check_row(const StateRoot& root, ByteView key,
                                           const market::ProvenRow& row);

/// The newest block is made within a second where there is no work; this also bears with a clock
/// that is off and with a chain that holds its breath.
inline constexpr std::uint64_t kHeadAgeMaxMs = 300'000;
/// Honest nodes are not all equally far; more than this is a node that hides what it knows.
inline constexpr std::uint64_t kStepBackMaxMs = 5'000;
/// Takes a checked header as the newest one, unless it is older than it may be at this time, or
/// contradicts what was verified before.
[[nodiscard]] Status<ProofFault> take_head(Trust& trust, const market::BlockHeader& header,
                                           WallTime now);

/// Whether the sets are so old that who has signed in their name can no longer be punished: then
/// what follows from them may be a forgery by former validators.
[[nodiscard]] bool is_stale(const Trust& trust, WallTime now);

}  // namespace millrace::wallet
