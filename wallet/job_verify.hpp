#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "wallet/job_results.hpp"
#include "wallet/trees.hpp"

/// A job's tasks run again on this machine and compared with what was claimed and paid.
namespace millrace::wallet {

/// One task run again.
struct Verified {
    std::uint32_t task = 0;
    bool agrees = false;
    /// What differs: "gas 1946 here, 1950 claimed"; empty when it agrees.
    std::string difference;
};
BOOST_DESCRIBE_STRUCT(Verified, (), (task, agrees, difference))

/// What is not the same in two results of one task, the first difference only; empty when all is.
/// The lease is not compared. Pure.
[[nodiscard]] std::string difference_of(const market::TaskResult& here,
                                        const market::TaskResult& claimed);

/// Everything that a job's tasks start from, fetched and checked against the roots in its
/// specification: the node is not trusted with it.
class Verifier {
  public:
    /// `scratch` is a folder of its own, emptied now and left to the caller to remove.
    [[nodiscard]] static Try<Verifier> prepare(Context& context, const market::JobView& job,
                                               const std::filesystem::path& scratch);
    /// Runs one task in a worker process. Refuses what this machine cannot run.
    [[nodiscard]] Try<Verified> verify(const TaskOutcome& task) const;

  private:
    Verifier() = default;
    market::JobView job_;
    std::filesystem::path module_;
    std::optional<RemoteTree> input_;
    std::optional<LocalBlob> stdin_blob_;
};

}  // namespace millrace::wallet
