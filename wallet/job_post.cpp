#include "wallet/job_post.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "wallet/fold.hpp"
#include "wallet/units.hpp"

namespace millrace::wallet {

namespace {

constexpr std::uint64_t kDayMs = 86'400'000;
constexpr std::uint64_t kModuleLifeMs = 30 * kDayMs;
/// Rows of the book that are looked through for the reason why nobody sells.
constexpr std::uint32_t kBookRows = 1'000;

Try<market::Quote> ask_quote(Context& context, const market::JobSpec& spec) {
    MILLRACE_TRY(Client* const client, context.client());
    context.take_on_trust("the price now");
    return client->ask<market::Quote>("market_quote", quote_params(spec));
}

Try<std::string> reason_nobody(Context& context, const market::JobSpec& spec) {
    MILLRACE_TRY(Client* const client, context.client());
    MILLRACE_TRY(const market::BookView book,
                 client->ask<market::BookView>("market_book", {{"limit", kBookRows}}));
    return why_nobody(book.asks, spec);
}

/// Why some lots would wait whoever is free; empty where all could be had.
Try<std::string> reason_not_all(Context& context, const market::JobSpec& spec) {
    MILLRACE_TRY(Client* const client, context.client());
    MILLRACE_TRY(const market::BookView book,
                 client->ask<market::BookView>("market_book", {{"limit", kBookRows}}));
    // Of a longer book those that were not read may do it.
    if (book.asks.size() < book.asks_total) return std::string();
    return why_not_all(book.asks, spec);
}

/// Lots that nobody will ever take keep their part of the escrow until the job's life is over.
Try<Ok> warn_of_rest(Context& context, const market::JobSpec& spec, const market::Quote& quote) {
    const std::uint64_t wanted = std::uint64_t{market::chunks_of(spec)} * spec.replicas;
    if (quote.lots == 0 || quote.lots >= wanted) return Ok{};
    MILLRACE_TRY(const std::string why, reason_not_all(context, spec));
    if (!why.empty())
        context.announce(fmt::format(
            "Warning: not all of this job can be done now: {}. The rest will wait.", why));
    return Ok{};
}

/// The limit price: the buyer's, or one that follows from the quote.
Try<Ok> set_limit(Context& context, const JobOptions& options, PreparedJob& job) {
    if (options.max_price) {
        MILLRACE_TRY(job.spec.limit, parse_price("--max-price", *options.max_price));
    }
    MILLRACE_TRY(job.quote, ask_quote(context, job.spec));
    if (job.quote.lots > 0) {
        if (!options.max_price) job.spec.limit = default_limit(job.quote);
        return Ok{};
    }
    MILLRACE_TRY(std::string why, reason_nobody(context, job.spec));
    const bool can_nobody = !why.empty();
    if (!can_nobody) {
        MILLRACE_TRY(why, reason_not_all(context, job.spec));
    }
    if (why.empty()) why = "every offer that could do it is busy, or not in force yet";
    if (!options.max_price)
        return Err{
            Failure{Exit::declined,
                    fmt::format("nobody sells what this job asks for: {}; nothing was sent. With "
                                "--max-price CREDITS_PER_GGAS it waits on the market for somebody",
                                why)}};
    context.announce(
        can_nobody ? fmt::format("Warning: nobody can do this job now: {}. It will wait.", why)
                   : fmt::format("Note: {}. The job will wait.", why));
    return Ok{};
}

/// A lot must be worth its provider's commit and reveal. Where the buyer left lots to us, they
/// grow until they are.
Try<Ok> fit_lots(Context& context, const JobOptions& options, const market::Params& params,
                 PreparedJob& job) {
    const auto is_worth = [&] {
        const auto worth = pay_for(market::lot_gas(job.spec), job.spec.limit);
        return worth.has_value() &&
               *worth >= market::prepaid_move_fees(params, job.spec.tasks_per_lot);
    };
    if (is_worth()) return Ok{};
    if (!options.tasks_per_lot) {
        const Price limit = job.spec.limit;
        job.spec.tasks_per_lot = lot_size_for(params, job.spec.tasks, job.spec.task_gas, limit);
        if (!options.window)
            job.spec.window_ms = market::shortest_window_ms(params, market::lot_gas(job.spec));
        MILLRACE_TRY(job.quote, ask_quote(context, job.spec));
        if (is_worth()) return Ok{};
    }
    const Amount fees = market::prepaid_move_fees(params, job.spec.tasks_per_lot);
    return Err{Failure{
        Exit::bad_input,
        fmt::format(
            "a lot of this job is worth {} credits at most, and its provider pays {} in "
            "fees; raise --gas, --max-price or --tasks-per-lot",
            credits_text(pay_for(market::lot_gas(job.spec), job.spec.limit).value_or(Amount{})),
            credits_text(fees))}};
}

Try<Ok> set_cost(Context& context, const JobOptions& options, const market::Params& params,
                 PreparedJob& job) {
    MILLRACE_TRY(job.cost, get_cost(context, params, job.spec));
    if (!options.max_total) return Ok{};
    MILLRACE_TRY(const Amount most, parse_credits("--max-total", *options.max_total));
    MILLRACE_TRY(const Amount total, total_of(job));
    if (total <= most) return Ok{};
    return Err{Failure{Exit::declined,
                       fmt::format("this job could cost {} credits, above --max-total {}; lower "
                                   "--gas, --max-price, --retention or --output-mib\n{}",
                                   credits_text(total), credits_text(most), describe_job(job))}};
}

}  // namespace

Try<Amount> total_of(const PreparedJob& job) {
    const auto sum = checked_add(job.cost.total, job.module_rent);
    if (sum.has_value()) return *sum;
    return Err{Failure{Exit::usage, "this costs more than there can be"}};
}

Try<PreparedJob> prepare_job(Context& context, const JobOptions& options,
                             const market::ChainView& chain) {
    PreparedJob job;
    MILLRACE_TRY(job.module, choose_module(context, options.module));
    JobFiles files;
    files.image = job.module.image;
    if (job.module.published) files.features = job.module.published->record.features;
    if (options.input) {
        MILLRACE_TRY(LocalTree tree, hash_folder(context, *options.input));
        // An empty folder is what a program without input sees at /in anyway.
        if (!tree.manifest.regions.empty()) {
            files.input = market::JobInput{tree.root, tree.bytes};
            job.input = std::move(tree);
        }
    }
    if (options.stdin_file) {
        MILLRACE_TRY(job.stdin_blob, hash_file(*options.stdin_file));
        files.stdin_blob = market::JobStdin{job.stdin_blob->id, job.stdin_blob->length};
    }
    MILLRACE_TRY(job.spec, make_spec(options, files, context.program_args, chain.params));
    if (!job.module.published) {
        const std::uint64_t need_ms = market::longest_need_ms(chain.params, job.spec);
        job.module_life_ms = std::min(chain.params.modules.module_life_max_ms,
                                      std::max(kModuleLifeMs, need_ms + kDayMs));
        MILLRACE_TRY(job.module_rent,
                     module_rent(chain.params, job.module.size, job.module_life_ms));
    }
    MILLRACE_CHECK(set_limit(context, options, job));
    MILLRACE_CHECK(fit_lots(context, options, chain.params, job));
    MILLRACE_CHECK(set_cost(context, options, chain.params, job));
    MILLRACE_CHECK(warn_of_rest(context, job.spec, job.quote));
    return job;
}

std::string describe_job(const PreparedJob& job) {
    const market::JobSpec& spec = job.spec;
    const std::uint32_t lots = market::chunks_of(spec) * spec.replicas;
    std::string out = fmt::format(
        "{} task{} in {} lot{}; each task at most {}, {} of memory, {} of output\n", spec.tasks,
        spec.tasks == 1 ? "" : "s", lots, lots == 1 ? "" : "s", human_gas(spec.task_gas.value),
        human_binary(market::memory_tier_bytes(spec.requirement.memory_tier)),
        human_binary(spec.output_bytes_max));
    if (job.quote.lots > 0)
        out +=
            fmt::format("  price now    {} credits per Ggas, {} of {} lots in the next clearing\n",
                        price_text(job.quote.price), job.quote.lots, lots);
    else
        out += "  price now    none: nobody sells this at the moment\n";
    out += fmt::format("  price limit  {} credits per Ggas\n", price_text(spec.limit));
    if (job.quote.lots > 0 && spec.limit < job.quote.price)
        out += "               below the price now: the job waits until somebody sells for less\n";
    out += fmt::format("  at most      {} credits for all gas; what is not used comes back\n",
                       credits_text(job.cost.escrow));
    if (job.cost.retention.value > 0)
        out += fmt::format("             + {} for keeping outputs {}\n",
                           credits_text(job.cost.retention), human_duration(spec.retention_ms));
    out +=
        fmt::format("             + {} rent, of which {} per task comes back\n",
                    credits_text(Amount{job.cost.total.value - job.cost.escrow.value -
                                        job.cost.retention.value}),
                    credits_text(Amount{spec.tasks == 0 ? 0 : job.cost.rent.value / spec.tasks}));
    if (!job.module.published)
        out += fmt::format("             + {} for publishing the module for {} days\n",
                           credits_text(job.module_rent), job.module_life_ms / kDayMs);
    return out;
}

Try<PostedJob> post_job(Context& context, Signer& signer, PreparedJob& job) {
    MILLRACE_TRY(const Amount total, total_of(job));
    // Whoever is asked must see what it is about, whatever is kept quiet.
    if (!context.yes || (!context.quiet && !context.json))
        fmt::print(stderr, "{}", folded(describe_job(job), Terminal::of(STDERR_FILENO)));
    MILLRACE_CHECK(
        context.confirm(fmt::format("Post it for at most {} credits?", credits_text(total))));
    if (!job.module.published && context.dry_run)
        return Err{Failure{Exit::bad_input,
                           "the program is not published, and the job's transaction depends on "
                           "that one; `millrace module publish --dry-run` first"}};
    if (!job.module.published) {
        MILLRACE_TRY(const Sent published,
                     publish_module(context, signer, job.module, job.module_life_ms));
        context.note(fmt::format("Module {} is published, final in block {}",
                                 short_hash(to_hex(job.module.image.view())),
                                 published.height.value));
        job.spec.requirement.features = job.module.published->record.features;
    }
    if (job.input) {
        MILLRACE_TRY(const std::uint64_t moved, send_tree(context, *job.input));
        context.note(moved == 0 ? "The node has the input already"
                                : fmt::format("Input sent: {}", human_bytes(moved)));
    }
    if (job.stdin_blob) {
        MILLRACE_TRY(const std::uint64_t moved, send_blob(context, *job.stdin_blob));
        context.note(moved == 0 ? "The node has the standard input already"
                                : fmt::format("Standard input sent: {}", human_bytes(moved)));
    }
    MILLRACE_TRY(const market::SignedTx tx, signer.sign(context, market::JobPost{job.spec}));
    PostedJob posted;
    posted.id = market::job_id_of(signer.node().chain, signer.address(), tx.tx.nonce);
    context.announce(fmt::format("Job {}", to_hex(posted.id.view())));
    auto sent = send_and_wait(context, tx);
    if (!sent.has_value()) {
        Failure failure = sent.error();
        // Unless the ledger has said no, it may be there.
        if (failure.exit != Exit::refused)
            failure.message +=
                fmt::format("; `millrace job watch {}` follows the job", to_hex(posted.id.view()));
        return Err{std::move(failure)};
    }
    posted.sent = *std::move(sent);
    return posted;
}

}  // namespace millrace::wallet
