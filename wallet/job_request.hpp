#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "market/auction/quote.hpp"
#include "market/query.hpp"
#include "wallet/client.hpp"

/// From what a buyer types to what the ledger takes. Pure: no node, no disk.
namespace millrace::wallet {

/// The options of `job post` and `job run`, as typed.
struct JobOptions {
    std::string module;
    std::optional<std::filesystem::path> input;
    std::optional<std::filesystem::path> stdin_file;
    std::uint32_t tasks = 1;
    std::optional<std::uint16_t> tasks_per_lot;
    std::string gas = "10G";
    std::uint64_t memory_mib = 64;
    std::uint64_t output_mib = 16;
    std::optional<std::string> max_price;
    std::optional<std::string> max_total;
    std::uint8_t replicas = 1;
    std::uint32_t spread = 0;
    std::vector<unsigned> regions;
    std::uint8_t attempts = 3;
    bool stop_on_failure = false;
    /// The node keeps module, input and outputs beyond the retention.
    bool pin = false;
    std::optional<std::string> window;
    std::string life = "1d";
    std::optional<std::string> retention;
    /// Credits for a place in a full book.
    std::optional<std::string> admission;
    std::vector<std::string> environment;
    std::optional<std::string> from;
};

/// What stands behind the options once files were read: roots and needs.
struct JobFiles {
    ImageRoot image;
    std::uint32_t features = 0;
    std::optional<market::JobInput> input;
    std::optional<market::JobStdin> stdin_blob;
};

/// The smallest memory tier that gives so much; none above the largest.
[[nodiscard]] std::optional<std::uint8_t> memory_tier_for(std::uint64_t memory_mib);
/// The requirement that memory and regions state.
[[nodiscard]] Try<market::Requirement> make_requirement(std::uint64_t memory_mib,
                                                        const std::vector<unsigned>& regions,
                                                        std::uint32_t features);

/// The specification without a limit price. Where the buyer chose nothing: the shortest challenge
/// window, the chain's retention, and lots as `lot_size_for` has them. Refuses, with the option's
/// name, what the ledger would refuse.
[[nodiscard]] Try<market::JobSpec> make_spec(const JobOptions& options, const JobFiles& files,
                                             const std::vector<std::string>& program_args,
                                             const market::Params& params);

/// Lots of a job without --tasks-per-lot: at most this many, so that the chain's work for a job of
/// many short tasks stays small, and a job of a few thousand tasks still spreads widely.
inline constexpr std::uint32_t kLotsWanted = 1'024;
/// Tasks of a lot, at least ceil(tasks / `kLotsWanted`), and as many more as it takes for a lot to
/// be worth its commit and reveal at this price, within the lot's bounds.
[[nodiscard]] std::uint16_t lot_size_for(const market::Params& params, std::uint32_t tasks,
                                         Gas task_gas, Price price);

/// The limit where the buyer names none: a quarter above what the next clearing would take.
[[nodiscard]] Price default_limit(const market::Quote& quote);

/// The question to the market that a specification stands for.
[[nodiscard]] boost::json::object quote_params(const market::JobSpec& spec);

/// Why no offer on the book can do what a job asks for, with the requirement that excludes most and
/// the option to lower; empty when there are offers that could, all busy or too dear.
[[nodiscard]] std::string why_nobody(const std::vector<market::AskView>& asks,
                                     const market::JobSpec& spec);

/// Why the offers on the book, were they all free, could not take all lots of a job: too few
/// different providers for its replicas or its spread, with the option to lower; empty when they
/// could.
[[nodiscard]] std::string why_not_all(const std::vector<market::AskView>& asks,
                                      const market::JobSpec& spec);

}  // namespace millrace::wallet
