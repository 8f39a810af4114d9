#pragma once

#include <filesystem>
#include <map>
#include <optional>

#include "common/result.hpp"
#include "market/claim.hpp"

namespace millrace::node {

/// What a provider must not forget of a lease between its commit and its reveal.
struct JournalEntry {
    LeaseId lease;
    JobId job;
    market::Salt salt;
    BoundedVector<market::Claim, market::kTasksPerLotMax> claims;
};
BOOST_DESCRIBE_STRUCT(JournalEntry, (), (lease, job, salt, claims))

/// One synced file a lease. Written before the commit is sent: a provider that lost its salt would
/// be silent on its own commit, which costs stake.
class Journal {
  public:
    [[nodiscard]] static Result<Journal> open(std::filesystem::path folder);
    [[nodiscard]] const JournalEntry* find(const LeaseId& lease) const;
    [[nodiscard]] Status<> put(JournalEntry entry);
    void erase(const LeaseId& lease);
    [[nodiscard]] const std::map<LeaseId, JournalEntry>& entries() const { return entries_; }

  private:
    explicit Journal(std::filesystem::path folder) : folder_(std::move(folder)) {}
    [[nodiscard]] std::filesystem::path path_of(const LeaseId& lease) const;
    std::filesystem::path folder_;
    std::map<LeaseId, JournalEntry> entries_;
};

}  // namespace millrace::node
