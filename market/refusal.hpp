#pragma once

#include <boost/describe.hpp>
#include <boost/mp11.hpp>
#include <cstdint>
#include <string_view>

/// Every reason for which the ledger refuses a transaction: numbered, never reused, with a sentence
/// for people. Each rule's place in the order of checks is in docs/protocol/transactions.md.
namespace millrace::market {

/// Number, name, sentence. 1–19 are of the envelope: a block that holds such a transaction is
/// invalid. The others are of the market: the fee is charged, the nonce used, the receipt says why.
#define MILLRACE_REFUSALS(X)                                                                       \
    X(1, wrong_chain, "the transaction was signed for another chain")                              \
    X(2, tx_too_large, "the transaction is larger than a transaction may be")                      \
    X(3, lane_unknown, "the nonce's lane does not exist")                                          \
    X(4, signature_invalid, "the signature is not the sender's over this transaction")             \
    X(5, expired, "the transaction's expiry has passed")                                           \
    X(6, expiry_too_far, "the transaction's expiry is too far ahead")                              \
    X(7, sender_unknown, "the sender's account does not exist; it needs a first payment")          \
    X(8, nonce_too_low, "a transaction with this nonce was already used")                          \
    X(9, nonce_too_high, "an earlier transaction of this lane is missing")                         \
    X(10, fee_max_too_low, "the base fee and tip are above what the sender allows")                \
    X(11, fee_unaffordable, "the sender's balance does not cover the fee and the deposit")         \
    X(12, tip_on_move, "commits and reveals are prepaid and carry no tip")                         \
    X(20, amount_zero, "the amount is zero")                                                       \
    X(21, balance_too_low, "the balance does not cover this and the existential deposit")          \
    X(22, receiver_below_deposit, "a new account must get at least the existential deposit")       \
    X(23, faucet_disabled, "this chain has no faucet")                                             \
    X(24, faucet_above_max, "the faucet does not give so much at once")                            \
    X(30, provider_unknown, "there is no such provider")                                           \
    X(31, provider_exists, "this account is a provider already")                                   \
    X(32, not_owner, "only the provider's owner may do this")                                      \
    X(33, not_owner_or_operator, "only the provider's owner or operator may do this")              \
    X(34, stake_below_min, "the stake is below the minimum of a provider")                         \
    X(35, vrf_key_invalid, "the VRF key is not a usable key")                                      \
    X(36, account_unknown, "the operator's and the payout account must exist")                     \
    X(37, ask_steps_invalid, "the ask's steps are empty, out of range, or do not rise in price")   \
    X(38, ask_machine_invalid, "the ask names a tier, kind or region that does not exist")         \
    X(39, ask_slots_above_max, "the ask offers more slots than one provider may")                  \
    X(40, ask_deny_unsorted, "the ask's deny list is not sorted or repeats an account")            \
    X(41, ask_limits_zero, "the ask accepts no task: its largest gas is zero")                     \
    X(42, endpoint_invalid, "the endpoint is empty")                                               \
    X(43, asks_full, "the book is full, and no ask without leases paid less for its place")        \
    X(44, already_paused, "the provider is paused already")                                        \
    X(45, not_paused, "the provider is not paused")                                                \
    X(46, stake_not_free, "so much stake is not free: leases lock the rest")                       \
    X(47, stake_left_below_min, "what would be left is below the minimum: take all or less")       \
    X(48, unbonding_full, "too many withdrawals are under way")                                    \
    X(49, nothing_to_withdraw, "no unbonded stake is ready")                                       \
    X(50, nothing_to_change, "the transaction changes nothing")                                    \
    X(60, module_unknown, "no such module is published")                                           \
    X(61, module_exists, "the module is published already; renew it")                              \
    X(62, module_chain_wrong, "the module's statement is of another chain")                        \
    X(63, module_version_wrong, "the module's statement is of another protocol version")           \
    X(64, module_size_invalid, "the module is empty or larger than a module may be")               \
    X(65, module_life_invalid, "the module's life is zero or longer than allowed")                 \
    X(66, module_epoch_wrong, "the statement is not of this or the previous epoch")                \
    X(67, module_signers_invalid, "the signers are unsorted or not in the validator set")          \
    X(68, module_quorum_missing, "the signers have not more than two thirds of the weight")        \
    X(69, module_signature_invalid, "a validator's signature under the module is wrong")           \
    X(80, job_unknown, "there is no such job")                                                     \
    X(81, not_buyer, "only the job's buyer may do this")                                           \
    X(82, job_not_open, "the job is not open any more")                                            \
    X(83, tasks_out_of_range, "a job has 1 to 65,536 tasks, replicas counted")                     \
    X(84, replicas_out_of_range, "so many replicas are not possible")                              \
    X(85, task_gas_out_of_range, "the gas limit of a task is zero or too large")                   \
    X(86, tasks_per_lot_out_of_range, "the tasks of a lot do not fit a lot")                       \
    X(87, limit_out_of_range, "the price limit is zero or too large")                              \
    X(88, requirement_invalid, "the requirement names a tier or kind that does not exist")         \
    X(89, first_fill_out_of_range, "the minimum first fill is above the lots or its bound")        \
    X(90, list_invalid, "the list of providers is unsorted, has no kind, or is too short")         \
    X(91, audits_not_active, "audits are not active in this protocol version")                     \
    X(92, attempts_out_of_range, "the number of attempts is zero or too large")                    \
    X(93, window_too_short, "the challenge window is shorter than the lot's gas needs")            \
    X(94, window_too_long, "the challenge window is longer than allowed")                          \
    X(95, life_out_of_range, "the job's life is zero or longer than allowed")                      \
    X(96, retention_too_long, "outputs are not retained so long")                                  \
    X(97, data_too_large, "the input or the output cap is larger than allowed")                    \
    X(98, arguments_too_large, "arguments and environment do not fit their page")                  \
    X(99, module_ends_too_early, "the module ends before the job may; renew it first")             \
    X(100, lot_below_fees, "a lot's escrow is below the fees of its commit and reveal")            \
    X(101, total_too_large, "the job's escrow is larger than any amount")                          \
    X(102, book_full, "the book is full, and no bid without leases paid less for its place")       \
    X(103, bid_too_young, "a bid stays for a minimum number of clearings")                         \
    X(104, limit_not_higher, "the new limit is not above the old one")                             \
    X(105, features_missing, "the requirement lacks a feature that the module needs")              \
    X(106, spread_too_small, "so small a spread needs more providers than a job may count")        \
    X(107, stdin_too_large, "standard input is longer than 4 GiB; make it a file of the input")    \
    X(108, arguments_hold_nul, "an argument or environment entry contains a NUL byte")             \
    X(109, environment_invalid, "an environment entry is not NAME=value")                          \
    X(110, environment_reserved, "environment names in MILLRACE_ are set by the network")          \
    X(120, lease_unknown, "there is no such lease")                                                \
    X(121, not_provider, "only the lease's provider may do this")                                  \
    X(122, lease_waits, "the lease is not at the head of its queue yet")                           \
    X(123, lease_not_matched, "the lease is not waiting for its start")                            \
    X(124, start_deadline_passed, "the lease's start deadline has passed")                         \
    X(125, lease_not_started, "the lease is not started, or committed already")                    \
    X(126, commit_deadline_passed, "the lease's commit deadline has passed")                       \
    X(127, lease_not_committed, "the lease is not committed, or revealed already")                 \
    X(128, reveal_not_open, "reveals are shut until every replica has committed")                  \
    X(129, reveal_deadline_passed, "the lease's reveal deadline has passed")                       \
    X(130, claims_wrong_tasks, "the claims are not of exactly the lease's tasks")                  \
    X(131, claim_out_of_range, "a claim is outside the job's limits")                              \
    X(132, commitment_mismatch, "salt and claims are not those of the commit")                     \
    X(133, no_input, "the job has no input that could be missing")                                 \
    X(134, not_due, "this is not due yet")                                                         \
    X(135, nothing_due, "there is no such thing to release")                                       \
    X(160, validator_unknown, "there is no such validator")                                        \
    X(161, validator_exists, "this account is a validator already")                                \
    X(162, not_validators_owner, "only the validator's owner may do this")                         \
    X(163, not_validators_owner_or_operator, "only the validator's owner or operator may do this") \
    X(164, validator_keys_invalid, "a validator's key is unusable, or one serves for two")         \
    X(165, vote_key_taken, "the vote key was registered before; each serves once")                 \
    X(166, key_proof_invalid, "the vote or peer key did not sign for this owner")                  \
    X(167, validator_stake_below_min, "the stake is below the minimum of a validator")             \
    X(168, validator_stake_too_low, "the validator has not so much stake")                         \
    X(169, validator_stake_left_below_min, "too little would be left: take all or less")           \
    X(170, last_validator, "the chain cannot go on without its last validator")                    \
    X(171, validator_expelled, "the validator signed conflicting votes and is out for good")       \
    X(172, validator_not_jailed, "the validator is not in jail")                                   \
    X(173, jail_not_over, "the validator must stay in jail for longer")                            \
    X(180, evidence_shows_nothing, "the two votes do not prove a fault")                           \
    X(181, evidence_unordered, "the two votes are not in the order of their subjects")             \
    X(182, evidence_epoch_unknown, "no validator set of the votes' epoch is known")                \
    X(183, evidence_too_late, "the votes' epoch ended too long ago")                               \
    X(184, evidence_signer_unknown, "the votes' signer is not in their epoch's set")               \
    X(185, evidence_known, "the signer was punished for its votes of this epoch")                  \
    X(186, evidence_signature_invalid, "a signature under the votes is not the signer's")

enum class Refusal : std::uint16_t {
    none = 0,
#define MILLRACE_REFUSAL_ENUMERATOR(number, name, sentence) name = number,
    MILLRACE_REFUSALS(MILLRACE_REFUSAL_ENUMERATOR)
#undef MILLRACE_REFUSAL_ENUMERATOR
};

namespace refusal_detail {
// Boost.Describe's macro ends at 52 enumerators; these are the same descriptors from our table.
// NOLINTBEGIN(readability-identifier-naming): `value` and `name` are what Boost.Describe reads
struct NoneRow {
    static constexpr Refusal value = Refusal::none;
    static constexpr const char* name = "none";
};
#define MILLRACE_REFUSAL_ROW(number, row_name, sentence)    \
    struct Row##number {                                    \
        static constexpr Refusal value = Refusal::row_name; \
        static constexpr const char* name = #row_name;      \
    };
MILLRACE_REFUSALS(MILLRACE_REFUSAL_ROW)
#undef MILLRACE_REFUSAL_ROW
// NOLINTEND(readability-identifier-naming)
#define MILLRACE_REFUSAL_TYPE(number, name, sentence) , Row##number
using Rows = boost::mp11::mp_list<NoneRow MILLRACE_REFUSALS(MILLRACE_REFUSAL_TYPE)>;
#undef MILLRACE_REFUSAL_TYPE
}  // namespace refusal_detail

/// Found by Boost.Describe: names and numbers for codec, JSON and schema.
inline refusal_detail::Rows boost_enum_descriptor_fn(Refusal** /*type*/) {
    return {};
}

/// What the refusal says to people, without a full stop.
[[nodiscard]] std::string_view sentence(Refusal refusal);

/// Whether a block that holds such a transaction is invalid.
[[nodiscard]] constexpr bool breaks_block(Refusal refusal) {
    return refusal != Refusal::none && static_cast<std::uint16_t>(refusal) < 20;
}

}  // namespace millrace::market
