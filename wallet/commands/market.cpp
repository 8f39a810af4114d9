#include <fmt/format.h>

#include <memory>

#include "wallet/command_line.hpp"
#include "wallet/job_request.hpp"
#include "wallet/tx.hpp"
#include "wallet/units.hpp"

namespace millrace::wallet {

namespace {

std::string capability_text(const market::Capability& c) {
    return fmt::format("{} MiB, region {}", market::memory_tier_bytes(c.memory_tier) >> 20U,
                       c.region);
}

Try<Ok> book(Context& context, std::uint32_t limit) {
    MILLRACE_TRY(const NodeStatus node, node_status(context));
    MILLRACE_TRY(const market::ChainView chain, chain_view(context));
    MILLRACE_TRY(Client* const client, context.client());
    context.take_on_trust("the book");
    MILLRACE_TRY(const boost::json::value raw, client->call("market_book", {{"limit", limit}}));
    const auto view = from_json<market::BookView>(raw);
    if (!view.has_value())
        return Err{Failure{Exit::failed, "market_book: " + view.error().sentence()}};
    const std::uint64_t now = chain.state.active_time.value;
    const std::uint64_t due = view->next_cut_off.value;
    std::string text =
        fmt::format("{} and {}; clearing {} is done, the next in {}\n",
                    counted(view->asks_total, "offer"), counted(view->bids_total, "job"),
                    view->clearing.value, human_duration(due > now ? due - now : 0));
    const Terminal terminal = Terminal::of(1);
    if (!view->asks.empty()) {
        Table table({"PRICE", "SLOTS", "MACHINE", "STANDING", "PROVIDER"});
        for (const market::AskView& ask : view->asks) {
            const auto& order = ask.row.order ? ask.row.order : ask.row.next;
            if (!order) continue;
            for (const market::AskStep& step : order->steps)
                table.add(
                    {price_text(market::grossed_up(step.price, chain.params.auction.market_fee_bp)),
                     std::to_string(step.slots), capability_text(order->capability),
                     ask.row.order ? enum_name(order->standing) : "under_notice",
                     to_text(ask.provider, node.network)});
        }
        text += "\nOffers, cheapest first; the price is what buyers pay, credits per Ggas\n" +
                table.text(terminal);
    }
    if (!view->bids.empty()) {
        Table table({"LIMIT", "LOTS", "TASK GAS", "STANDING", "JOB"});
        for (const market::BidView& bid : view->bids)
            table.add({price_text(bid.row.limit),
                       std::to_string((bid.row.fresh_end - bid.row.fresh) * bid.row.replicas +
                                      bid.row.open_lots),
                       human_gas(bid.row.task_gas.value), enum_name(bid.row.standing),
                       to_hex(bid.job.view())});
        text += "\nJobs on offer, dearest first\n" + table.text(terminal);
    }
    if (!view->classes.empty()) {
        Table table({"MACHINE", "LAST PRICE", "SOLD", "OFFERED", "CLEARING"});
        for (const market::ClassPriceView& row : view->classes)
            table.add({capability_text(row.capability), price_text(row.last.price),
                       std::to_string(row.last.sold), std::to_string(row.last.offered),
                       std::to_string(row.last.clearing.value)});
        text += "\nLast prices\n" + table.text(terminal);
    }
    context.print(raw, text);
    return Ok{};
}

Try<Ok> prices(Context& context) {
    MILLRACE_TRY(Client* const client, context.client());
    context.take_on_trust("last prices");
    MILLRACE_TRY(const market::BookView view,
                 client->ask<market::BookView>("market_book", {{"limit", 1}}));
    Table table({"MACHINE", "PRICE", "SOLD", "OFFERED", "CLEARING"});
    for (const market::ClassPriceView& row : view.classes)
        table.add({capability_text(row.capability), price_text(row.last.price),
                   std::to_string(row.last.sold), std::to_string(row.last.offered),
                   std::to_string(row.last.clearing.value)});
    context.print(to_json(view.classes),
                  view.classes.empty()
                      ? "Nothing was sold yet; `millrace market book` shows what is offered."
                      : "What each kind of machine last sold for, credits per Ggas\n" +
                            table.text(Terminal::of(1)));
    return Ok{};
}

struct QuoteOptions {
    std::uint32_t lots = 1;
    std::string gas = "10G";
    std::uint64_t memory_mib = 64;
    std::uint64_t data_mib = 16;
    std::uint8_t replicas = 1;
    std::uint32_t spread = 0;
    std::vector<unsigned> regions;
};

Try<Ok> quote(Context& context, const QuoteOptions& options) {
    MILLRACE_TRY(const Gas gas, parse_gas("--gas", options.gas));
    market::JobSpec spec;
    MILLRACE_TRY(spec.requirement, make_requirement(options.memory_mib, options.regions, 0));
    spec.tasks = options.lots;
    spec.replicas = options.replicas;
    spec.spread = options.spread;
    spec.task_gas = gas;
    spec.output_bytes_max = options.data_mib << 20U;
    MILLRACE_TRY(Client* const client, context.client());
    context.take_on_trust("the price now");
    MILLRACE_TRY(const market::Quote answer,
                 client->ask<market::Quote>("market_quote", quote_params(spec)));
    const std::uint64_t wanted = std::uint64_t{options.lots} * options.replicas;
    boost::json::object out = to_json(answer).as_object();
    out["wanted"] = wanted;
    if (answer.lots == 0) {
        MILLRACE_TRY(const market::BookView view,
                     client->ask<market::BookView>("market_book", {{"limit", 1'000}}));
        std::string why = why_nobody(view.asks, spec);
        if (why.empty()) why = "every offer that could do it is busy, or not in force yet";
        out["reason"] = why;
        context.print(out, fmt::format("Nobody sells this now: {}.", why));
        return Ok{};
    }
    const auto task = pay_for(gas, answer.price_mean);
    std::string text = fmt::format(
        "{} of {} lots in the next clearing\nprice    {} credits per Ggas the dearest, {} the "
        "mean\na task   {} credits if it uses all of {}",
        answer.lots, wanted, price_text(answer.price), price_text(answer.price_mean),
        credits_text(task.value_or(Amount{})), human_gas(gas.value));
    if (answer.lots < wanted) {
        MILLRACE_TRY(const market::BookView view,
                     client->ask<market::BookView>("market_book", {{"limit", 1'000}}));
        const std::string why = why_not_all(view.asks, spec);
        if (!why.empty() && view.asks.size() == view.asks_total) {
            out["reason"] = why;
            text += fmt::format("\nrest     {}", why);
        }
    }
    context.print(out, text);
    return Ok{};
}

}  // namespace

void add_market_commands(CLI::App& app, Context& context) {
    const Command group = Command(app).add_subcommand("market", "Prices");
    group->require_subcommand();
    const auto limit = std::make_shared<std::uint32_t>(20);
    const Command book_command =
        group->add_subcommand("book", "Offers, jobs on offer, last prices");
    book_command->add_option("--limit", *limit, "Rows of each side")
        ->in_range(1U, 1'000U)
        ->capture_default_str();
    book_command->footer("Example:\n  millrace market book --limit 5");
    book_command->callback([&context, limit] {
        context.action = [&context, limit] { return book(context, *limit); };
    });
    const Command prices_command =
        group->add_subcommand("prices", "What each kind of machine last sold for");
    prices_command->footer("Example:\n  millrace market prices --json");
    prices_command->callback(
        [&context] { context.action = [&context] { return prices(context); }; });
    const auto options = std::make_shared<QuoteOptions>();
    const Command quote_command =
        group->add_subcommand("quote", "What the next clearing would take for such lots");
    quote_command->add_option("--lots", options->lots, "How many")
        ->in_range(1U, 65'536U)
        ->capture_default_str();
    quote_command->add_option("--gas", options->gas, "Gas of one task")->capture_default_str();
    quote_command->add_option("--memory-mib", options->memory_mib, "Memory of one task")
        ->capture_default_str();
    quote_command->add_option("--data-mib", options->data_mib, "Input and output of one task")
        ->in_range(0U, 65'536U)
        ->capture_default_str();
    quote_command->add_option("--replicas", options->replicas, "Runs of every task")
        ->capture_default_str();
    quote_command->add_option("--spread", options->spread, "Most lots of one provider")
        ->capture_default_str();
    quote_command->add_option("--region", options->regions, "Region of providers, by number")
        ->one_at_a_time();
    quote_command->footer("Example:\n  millrace market quote --lots 64 --gas 2G --memory-mib 256");
    quote_command->callback([&context, options] {
        context.action = [&context, options] { return quote(context, *options); };
    });
    add_market_explain_command(*group, context);
}

}  // namespace millrace::wallet
