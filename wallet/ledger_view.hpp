#pragma once

#include <optional>
#include <span>
#include <vector>

#include "market/query.hpp"
#include "wallet/context.hpp"

/// The ledger's rows as commands want them: from the node's answers where it is believed, else from
/// rows that were proven against a final block. Whatever is signed, paid or fetched by, and has a
/// row in the state, is read here.
namespace millrace::wallet {

/// Parameters and state of the chain.
[[nodiscard]] Try<market::ChainView> chain_view(Context& context);
/// None: nobody has paid it yet.
[[nodiscard]] Try<std::optional<market::AccountView>> find_account(Context& context,
                                                                   const Address& address,
                                                                   Network network);
/// None: it is not published, or its time is over.
[[nodiscard]] Try<std::optional<market::ModuleView>> find_module(Context& context,
                                                                 const ImageRoot& image);
[[nodiscard]] Try<market::ProviderView> get_provider(Context& context, const Address& id,
                                                     Network network);
/// A job; the counts of its tasks are the node's word where it has more lots than one proof takes.
[[nodiscard]] Try<market::JobView> get_job(Context& context, const JobId& id);
/// Whether the counts of its tasks are proven, too, where answers are.
[[nodiscard]] bool is_wholly_proven(const market::JobView& job);
[[nodiscard]] Try<std::vector<market::TaskView>> get_tasks(Context& context,
                                                           const market::JobView& job);
/// Leases of a job that are asked for their prices; of a larger job the first ones stand for all.
inline constexpr std::size_t kLeasesAsked = 200;
/// Prices at which leases of these tasks were cleared; those that the ledger has forgotten are left
/// out.
[[nodiscard]] Try<std::vector<Price>> get_prices(Context& context,
                                                 std::span<const market::TaskView> tasks);
/// Ends the reading of a list that a node never ends.
[[nodiscard]] Try<Ok> check_list_size(std::string_view method, std::size_t rows);
/// The most that posting takes.
[[nodiscard]] Try<market::JobCost> get_cost(Context& context, const market::Params& params,
                                            const market::JobSpec& spec);

}  // namespace millrace::wallet
