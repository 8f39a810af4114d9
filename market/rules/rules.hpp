#pragma once

#include "market/admit.hpp"
#include "market/ledger/ledger.hpp"

/// One file a family of transactions; each has `check`, which names the first rule that is broken,
/// and `apply`, which may only be called after `check` found nothing. The order of checks is part
/// of the rules: docs/protocol/transactions.md lists it.
namespace millrace::market {

/// Who acts.
struct Actor {
    Address account;
    Nonce nonce;
};

#define MILLRACE_RULE(Body)                                                                  \
    [[nodiscard]] Refusal check(const Ledger& ledger, const Actor& actor, const Body& body); \
    void apply(Ledger& ledger, const Actor& actor, const Body& body);
MILLRACE_RULE(Transfer)
MILLRACE_RULE(Faucet)
MILLRACE_RULE(ProviderRegister)
MILLRACE_RULE(ProviderUpdate)
MILLRACE_RULE(ProviderAsk)
MILLRACE_RULE(ProviderPause)
MILLRACE_RULE(ProviderResume)
MILLRACE_RULE(ProviderStake)
MILLRACE_RULE(ProviderUnstake)
MILLRACE_RULE(ProviderWithdraw)
MILLRACE_RULE(ProviderKeys)
MILLRACE_RULE(ModulePublish)
MILLRACE_RULE(ModuleRenew)
MILLRACE_RULE(JobPost)
MILLRACE_RULE(JobCancel)
MILLRACE_RULE(JobTopup)
MILLRACE_RULE(JobRaise)
MILLRACE_RULE(LeaseStart)
MILLRACE_RULE(LeaseCommit)
MILLRACE_RULE(LeaseReveal)
MILLRACE_RULE(LeaseReportInput)
MILLRACE_RULE(LeaseReturn)
MILLRACE_RULE(LockRelease)
MILLRACE_RULE(EvidenceVotes)
MILLRACE_RULE(ValidatorRegister)
MILLRACE_RULE(ValidatorStake)
MILLRACE_RULE(ValidatorUnstake)
MILLRACE_RULE(ValidatorWithdraw)
MILLRACE_RULE(ValidatorKeys)
MILLRACE_RULE(ValidatorUnjail)
#undef MILLRACE_RULE

/// Checks a body and, when it is good, applies it.
[[nodiscard]] Refusal run_body(Ledger& ledger, const Actor& actor, const TxBody& body);

}  // namespace millrace::market
