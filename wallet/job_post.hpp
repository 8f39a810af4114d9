#pragma once

#include <optional>

#include "wallet/job_request.hpp"
#include "wallet/modules.hpp"
#include "wallet/trees.hpp"

/// From options to a job on chain: hash, price, ask, send.
namespace millrace::wallet {

/// A job that is ready to be signed: everything is known, nothing is sent.
struct PreparedJob {
    ModuleChoice module;
    std::optional<LocalTree> input;
    std::optional<LocalBlob> stdin_blob;
    market::JobSpec spec;
    market::Quote quote;
    market::JobCost cost;
    /// Rent of the module where it has to be published first.
    Amount module_rent;
    std::uint64_t module_life_ms = 0;
};

struct PostedJob {
    JobId id;
    Sent sent;
};

/// Reads and hashes what the options name, asks the market for a price, and sets the limit.
/// Refuses: nobody sells and no --max-price is given; more than --max-total.
[[nodiscard]] Try<PreparedJob> prepare_job(Context& context, const JobOptions& options,
                                           const market::ChainView& chain);
/// What the job asks for, what it costs now and at most, line by line.
[[nodiscard]] std::string describe_job(const PreparedJob& job);
/// Everything that can be spent: escrow, retention, rents.
[[nodiscard]] Try<Amount> total_of(const PreparedJob& job);
/// Asks, then publishes, uploads and posts. The job's id is announced before it is sent, so that it
/// is known even when the connection breaks.
[[nodiscard]] Try<PostedJob> post_job(Context& context, Signer& signer, PreparedJob& job);

}  // namespace millrace::wallet
