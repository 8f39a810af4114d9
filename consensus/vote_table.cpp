#include "consensus/vote_table.hpp"

#include "consensus/detail/mutation.hpp"

namespace millrace::consensus {

Status<SignRefusal> VoteTable::check(const Subject& subject) const {
    if (subject.view < floor_) return Err{SignRefusal::below_floor};
    const Entry* found = find(subject.view);
    const Entry entry = found != nullptr ? *found : Entry{};
    switch (subject.kind) {
        case VoteKind::notarize:
            if (entry.notarized == subject.proposal) return Ok{};
            if (entry.notarized && !MILLRACE_MUTANT(second_proposal_votes) &&
                !MILLRACE_MUTANT(proposes_twice))
                return Err{SignRefusal::notarized_other};
            if (entry.nullified) return Err{SignRefusal::nullified};
            return Ok{};
        case VoteKind::nullify:
            if (entry.finalized && !MILLRACE_MUTANT(nullify_after_finalize))
                return Err{SignRefusal::finalized};
            return Ok{};
        case VoteKind::finalize:
            if (entry.nullified && !MILLRACE_MUTANT(finalize_after_nullify))
                return Err{SignRefusal::nullified};
            if (entry.finalized && entry.finalized != subject.proposal)
                return Err{SignRefusal::finalized_other};
            if (entry.notarized != subject.proposal && !MILLRACE_MUTANT(finalize_without_notarize))
                return Err{SignRefusal::not_notarized};
            return Ok{};
    }
    return Err{SignRefusal::below_floor};
}

bool VoteTable::contains(const Subject& subject) const {
    const Entry* entry = find(subject.view);
    if (entry == nullptr) return false;
    switch (subject.kind) {
        case VoteKind::notarize:
            return entry->notarized == subject.proposal;
        case VoteKind::nullify:
            return entry->nullified;
        case VoteKind::finalize:
            return entry->finalized == subject.proposal;
    }
    return false;
}

void VoteTable::record(const Subject& subject) {
    MILLRACE_ASSERT(check(subject).has_value());
    Entry& entry = entries_[subject.view];
    switch (subject.kind) {
        case VoteKind::notarize:
            entry.notarized = subject.proposal;
            break;
        case VoteKind::nullify:
            entry.nullified = true;
            break;
        case VoteKind::finalize:
            entry.finalized = subject.proposal;
            break;
    }
}

void VoteTable::raise_floor(View floor) {
    if (floor <= floor_) return;
    floor_ = floor;
    entries_.erase(entries_.begin(), entries_.lower_bound(floor));
}

const VoteTable::Entry* VoteTable::find(View view) const {
    const auto it = entries_.find(view);
    return it == entries_.end() ? nullptr : &it->second;
}

std::vector<Subject> VoteTable::subjects() const {
    std::vector<Subject> out;
    for (const auto& [view, entry] : entries_) {
        if (entry.notarized) out.push_back(Subject::notarize(view, *entry.notarized));
        if (entry.nullified) out.push_back(Subject::nullify(view));
        if (entry.finalized) out.push_back(Subject::finalize(view, *entry.finalized));
    }
    return out;
}

}  // namespace millrace::consensus
