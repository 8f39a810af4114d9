#pragma once

/// Planted bugs, to prove that the simulation is not blind: tests/simulation compiles these sources
/// a second time with MILLRACE_CONSENSUS_MUTANTS and switches on one bug at a time. A hook or a
/// virtual policy would put the switch into the node; this one is gone from every other build,
/// where the macro is the constant `false`.
#ifdef MILLRACE_CONSENSUS_MUTANTS
#include <cstdint>

namespace millrace::consensus::detail {

enum class Mutant : std::uint8_t {
    none,
    quorum_too_small,               // 1.8 no. 11: quorum formula
    same_vote_is_evidence,          // no. 2: evidence of two identical votes
    own_votes_not_recounted,        // no. 3: own nullify not recounted after restart
    no_certify_after_nullify,       // no. 4: notarization after own nullify is refused
    nullify_after_finalize,         // no. 5
    finalize_after_nullify,         // no. 6: the record of the time-out is forgotten
    sign_before_durable,            // 1.4: bytes leave before the sync
    proposes_twice,                 // no. 8: a round started twice
    vote_table_forgets,             // no. 18: the guard does nothing after a restart
    skips_the_check,                // no. 9: verification cache answers for another block
    ignores_missing_nullification,  // 1.2 rule 3: parent not justified
    finalize_without_notarize,      // decision 0006
    second_proposal_votes,          // no. 1: the second proposal of an equivocator is voted for
    certificate_below_quorum,       // no. 11: sub-quorum certificates accepted
    no_backoff,                     // 1.2 rule 12
    certificates_of_others_lost,    // no. 12: certificates through the resolver not handled
    boundary_gets_a_child,          // 1.6: a new block on top of the epoch's last one
    early_block_nullified,          // protocol.md 1: an early block is held
    no_retry,                       // 1.2 rule 8: nullify and best certificate are not re-sent
    waits_for_the_absent,           // 1.2 rule 2: an absent leader is not skipped
    skips_the_living,               // rule 2: nor one that was heard
    votes_without_table,            // 1.4: a validator that lost its table votes on
};

inline Mutant& active_mutant() {
    static Mutant active = Mutant::none;
    return active;
}

}  // namespace millrace::consensus::detail

#define MILLRACE_MUTANT(name) \
    (::millrace::consensus::detail::active_mutant() == ::millrace::consensus::detail::Mutant::name)
#else
#define MILLRACE_MUTANT(name) false
#endif
