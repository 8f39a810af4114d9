#include <fmt/format.h>

#include <memory>

#include "wallet/command_line.hpp"
#include "wallet/job_request.hpp"
#include "wallet/tx.hpp"
#include "wallet/units.hpp"

namespace millrace::wallet {

namespace {

struct Options {
    std::optional<std::string> from;
    std::optional<std::string> provider;
    std::string credits;
    // What is offered.
    std::vector<std::string> steps;
    std::optional<std::uint64_t> memory_mib;
    std::optional<unsigned> region;
    std::optional<std::string> task_gas;
    std::optional<std::uint64_t> task_mib;
    // Registration.
    std::optional<std::string> endpoint;
    std::optional<std::string> vrf_key;
    std::optional<std::string> keys_from;
    std::optional<std::string> encryption_key;
    std::optional<std::string> operator_account;
    std::optional<std::string> payout_account;
    std::optional<std::string> admission;
};

/// The provider that a command is about: named, or the signer's own.
Try<market::ProviderId> provider_of(Context& context, const Signer& signer,
                                    const Options& options) {
    if (!options.provider) return signer.address();
    return address_of(context, *options.provider, signer.node().network);
}

Try<market::AskStep> parse_step(const std::string& text) {
    const std::size_t colon = text.find(':');
    const Failure failure{Exit::usage,
                          fmt::format("--step: \"{}\" is not PRICE:SLOTS, such as 0.005:4", text)};
    if (colon == std::string::npos) return Err{failure};
    market::AskStep step;
    MILLRACE_TRY(step.price, parse_price("--step", text.substr(0, colon)));
    const std::string slots = text.substr(colon + 1);
    if (slots.empty() || slots.size() > 5 ||
        slots.find_first_not_of("0123456789") != std::string::npos)
        return Err{failure};
    step.slots = static_cast<std::uint32_t>(std::stoul(slots));
    if (step.slots == 0 || step.slots > market::kSlotsPerStepMax) return Err{failure};
    return step;
}

/// Changes in an ask what the options name.
Try<market::Ask> changed_ask(market::Ask ask, const Options& options) {
    if (!options.steps.empty()) {
        if (options.steps.size() > market::kStepsPerAskMax)
            return Err{Failure{Exit::usage,
                               fmt::format("--step: at most {} of them", market::kStepsPerAskMax)}};
        ask.steps.clear();
        for (const std::string& text : options.steps) {
            MILLRACE_TRY(const market::AskStep step, parse_step(text));
            if (!ask.steps.empty() && step.price <= ask.steps.back().price)
                return Err{Failure{Exit::usage, "--step: prices must rise from step to step"}};
            ask.steps.push_back(step);
        }
    }
    if (options.memory_mib) {
        // A machine offers the largest tier that it can hold.
        std::uint8_t tier = 0;
        while (tier + 1 < market::kMemoryTiers &&
               (market::memory_tier_bytes(static_cast<std::uint8_t>(tier + 1)) >> 20U) <=
                   *options.memory_mib)
            ++tier;
        ask.machine.memory_tier = tier;
    }
    if (options.region) {
        if (*options.region >= market::kRegions)
            return Err{
                Failure{Exit::usage, fmt::format("--region: a number below {}", market::kRegions)}};
        ask.machine.region = static_cast<std::uint8_t>(*options.region);
    }
    if (options.task_gas) {
        MILLRACE_TRY(ask.task_gas_max, parse_gas("--task-gas-max", *options.task_gas));
        if (ask.task_gas_max.value > market::kTaskGasMax)
            return Err{Failure{Exit::usage, fmt::format("--task-gas-max: no task may use more than "
                                                        "2^50 ({})",
                                                        human_gas(market::kTaskGasMax))}};
    }
    if (options.task_mib) ask.task_bytes_max = *options.task_mib << 20U;
    return ask;
}

std::string ask_text(const market::Ask& ask) {
    std::string steps;
    for (const market::AskStep& step : ask.steps)
        steps += fmt::format("{}{} at {}", steps.empty() ? "" : ", ", counted(step.slots, "slot"),
                             price_text(step.price));
    return fmt::format("{}; {} MiB, region {}; tasks up to {} and {}", steps,
                       market::memory_tier_bytes(ask.machine.memory_tier) >> 20U,
                       ask.machine.region, human_gas(ask.task_gas_max.value),
                       human_binary(ask.task_bytes_max));
}

Try<Ok> send_body(Context& context, Signer& signer, market::TxBody body,
                  const std::string& question, const std::string& done) {
    MILLRACE_TRY(const market::SignedTx tx, signer.sign(context, std::move(body)));
    if (!question.empty()) MILLRACE_CHECK(context.confirm(question));
    MILLRACE_TRY(const Sent sent, send_and_wait(context, tx));
    boost::json::object out = sent_json(sent);
    out["account"] = signer.text(signer.address());
    context.print(out, fmt::format("{} Final in block {}.", done, sent.height.value));
    return Ok{};
}

/// What `node_keys` answers.
struct NodeKeys {
    Address operator_account;
    VrfKey vrf_key;
    std::optional<Address> provider;
};
BOOST_DESCRIBE_STRUCT(NodeKeys, (), (operator_account, vrf_key, provider))

/// The machine that is to be registered, as it says itself.
struct Machine {
    NodeKeys keys;
    /// HOST:PORT of its URL.
    std::string endpoint;
};
Try<Machine> ask_machine(Context& context, const Options& options) {
    const std::string url = options.keys_from.value_or(context.node);
    std::unique_ptr<Client> other;
    // A token is for its own node alone.
    if (options.keys_from) {
        MILLRACE_TRY(other, Client::make(url, Reach{{}, context.ca_file, kDeadline}));
    }
    MILLRACE_TRY(Client* const client, other ? Try<Client*>(other.get()) : context.client());
    MILLRACE_TRY(const NodeKeys keys, client->ask<NodeKeys>("node_keys"));
    context.take_on_trust("the machine's keys");
    const std::size_t host = url.find("//");
    return Machine{keys, url.substr(host == std::string::npos ? 0 : host + 2)};
}

/// The ledger refuses an operator that it does not know; better said before stake is put up.
Try<Ok> check_operator_exists(Context& context, const Signer& signer, const Address& account) {
    MILLRACE_TRY(const auto found, find_account(context, account, signer.node().network));
    if (found) return Ok{};
    return Err{Failure{Exit::not_found,
                       fmt::format("the operator's account {0} is empty, and it pays the fees of "
                                   "each lease; `millrace send {0} 1` first",
                                   signer.text(account))}};
}

Try<market::Endpoint> endpoint_of(const Options& options, const std::optional<Machine>& machine) {
    const std::string text = options.endpoint ? *options.endpoint
                             : machine        ? machine->endpoint
                                              : std::string();
    if (text.empty())
        return Err{Failure{Exit::usage, "--endpoint is needed with --vrf-key: HOST:PORT"}};
    if (text.size() > market::kEndpointMax)
        return Err{Failure{Exit::usage,
                           fmt::format("--endpoint: at most {} bytes", market::kEndpointMax)}};
    return market::Endpoint(text);
}

Try<std::optional<Amount>> admission_of(const Options& options) {
    if (!options.admission) return std::optional<Amount>();
    MILLRACE_TRY(const Amount amount, parse_credits("--admission", *options.admission));
    return std::optional<Amount>(amount);
}

Try<Ok> register_provider(Context& context, const Options& options) {
    market::ProviderRegister body;
    MILLRACE_TRY(body.stake, parse_credits("--stake", options.credits));
    std::optional<Machine> machine;
    if (options.vrf_key) {
        MILLRACE_TRY(body.vrf_key, parse_id<VrfKey>("--vrf-key", *options.vrf_key));
    } else {
        MILLRACE_TRY(machine, ask_machine(context, options));
        body.vrf_key = machine->keys.vrf_key;
    }
    if (options.encryption_key) {
        MILLRACE_TRY(body.encryption_key,
                     parse_id<market::EncryptionKey>("--encryption-key", *options.encryption_key));
    }
    MILLRACE_TRY(body.endpoint, endpoint_of(options, machine));
    market::Ask ask;
    constexpr std::uint64_t kTaskMibDefault = 1'024;
    ask.task_bytes_max = kTaskMibDefault << 20U;
    MILLRACE_TRY(const market::ChainView chain, chain_view(context));
    ask.task_gas_max = Gas{chain.params.jobs.lot_gas_max};
    MILLRACE_TRY(body.ask, changed_ask(std::move(ask), options));
    MILLRACE_TRY(Signer signer, Signer::open(context, options.from));
    body.operator_account = machine ? machine->keys.operator_account : signer.address();
    if (options.operator_account) {
        MILLRACE_TRY(body.operator_account,
                     address_of(context, *options.operator_account, signer.node().network));
    }
    body.payout_account = signer.address();
    if (options.payout_account) {
        MILLRACE_TRY(body.payout_account,
                     address_of(context, *options.payout_account, signer.node().network));
    }
    MILLRACE_CHECK(check_operator_exists(context, signer, body.operator_account));
    MILLRACE_TRY(body.admission, admission_of(options));
    const std::string self = signer.text(signer.address());
    const std::string question = fmt::format(
        "Put up {} credits of stake{} and offer {}, run by the key of {}?", to_credits(body.stake),
        body.admission ? fmt::format(", pay {} for a place", to_credits(*body.admission)) : "",
        ask_text(body.ask), signer.text(body.operator_account));
    std::string done = fmt::format("Registered as {}.", self);
    if (machine && machine->keys.provider != signer.address())
        done += fmt::format(" Start the machine's node with --provide-for {}.", self);
    return send_body(context, signer, std::move(body), question, done);
}

/// By the owner: who runs the machine, and who is paid.
Try<Ok> change_keys(Context& context, const Options& options) {
    if (!options.operator_account && !options.payout_account)
        return Err{Failure{Exit::usage, "say what changes: --operator, --payout"}};
    MILLRACE_TRY(Signer signer, Signer::open(context, options.from));
    market::ProviderKeys body;
    MILLRACE_TRY(body.provider, provider_of(context, signer, options));
    std::string what;
    if (options.operator_account) {
        MILLRACE_TRY(body.operator_account,
                     address_of(context, *options.operator_account, signer.node().network));
        MILLRACE_CHECK(check_operator_exists(context, signer, *body.operator_account));
        what += fmt::format(" The operator is {}.", signer.text(*body.operator_account));
    }
    if (options.payout_account) {
        MILLRACE_TRY(body.payout_account,
                     address_of(context, *options.payout_account, signer.node().network));
        what += fmt::format(" Paid is {}.", signer.text(*body.payout_account));
    }
    return send_body(context, signer, body, what.substr(1) + " Shall it be so?", what.substr(1));
}

/// By owner or operator: where the machine is reached, and its VRF key.
Try<Ok> update(Context& context, const Options& options) {
    if (!options.endpoint && !options.vrf_key && !options.keys_from)
        return Err{Failure{Exit::usage, "say what changes: --endpoint, --vrf-key, --keys-from"}};
    market::ProviderUpdate body;
    std::optional<Machine> machine;
    if (options.keys_from) {
        MILLRACE_TRY(machine, ask_machine(context, options));
        body.vrf_key = machine->keys.vrf_key;
    }
    if (options.vrf_key) {
        MILLRACE_TRY(body.vrf_key, parse_id<VrfKey>("--vrf-key", *options.vrf_key));
    }
    if (options.endpoint || machine) {
        MILLRACE_TRY(body.endpoint, endpoint_of(options, machine));
    }
    MILLRACE_TRY(Signer signer, Signer::open(context, options.from));
    MILLRACE_TRY(body.provider, provider_of(context, signer, options));
    return send_body(context, signer, body, "",
                     "Changed; a new VRF key counts from the next clearing.");
}

Try<Ok> change_ask(Context& context, const Options& options) {
    MILLRACE_TRY(Signer signer, Signer::open(context, options.from));
    MILLRACE_TRY(const market::ProviderId id, provider_of(context, signer, options));
    MILLRACE_TRY(const market::ProviderView view, get_provider(context, id, signer.node().network));
    const market::Provider& p = view.provider;
    market::ProviderAsk body{id, p.next ? *p.next : p.ask.value_or(market::Ask{})};
    MILLRACE_TRY(body.ask, changed_ask(body.ask, options));
    const std::string text = ask_text(body.ask);
    return send_body(
        context, signer, std::move(body), fmt::format("Offer {}?", text),
        fmt::format("Offered: {}. What is worse for buyers counts after a notice.", text));
}

template <class Body>
Try<Ok> with_amount(Context& context, const Options& options, const char* question,
                    const char* done) {
    Body body;
    MILLRACE_TRY(body.amount, parse_credits("credits", options.credits));
    MILLRACE_TRY(Signer signer, Signer::open(context, options.from));
    MILLRACE_TRY(body.provider, provider_of(context, signer, options));
    return send_body(context, signer, body,
                     fmt::format(fmt::runtime(question), to_credits(body.amount)),
                     fmt::format(fmt::runtime(done), to_credits(body.amount)));
}

template <class Body>
Try<Ok> bare(Context& context, const Options& options, const char* done) {
    MILLRACE_TRY(Signer signer, Signer::open(context, options.from));
    Body body;
    MILLRACE_TRY(body.provider, provider_of(context, signer, options));
    return send_body(context, signer, body, "", done);
}

Try<Ok> resume(Context& context, const Options& options) {
    MILLRACE_TRY(Signer signer, Signer::open(context, options.from));
    market::ProviderResume body;
    MILLRACE_TRY(body.provider, provider_of(context, signer, options));
    MILLRACE_TRY(body.admission, admission_of(options));
    std::string question;
    if (body.admission)
        question = fmt::format("Pay {} credits for a place?", to_credits(*body.admission));
    return send_body(context, signer, body, question, "Resumed.");
}

Try<Ok> show(Context& context, const Options& options) {
    MILLRACE_TRY(const NodeStatus node, node_status(context));
    Address id;
    if (options.provider) {
        MILLRACE_TRY(id, address_of(context, *options.provider, node.network));
    } else {
        MILLRACE_TRY(const Keystore::Listed account, context.keystore().pick(options.from));
        id = account.address();
    }
    MILLRACE_TRY(const market::ChainView chain, chain_view(context));
    MILLRACE_TRY(const market::ProviderView view, get_provider(context, id, node.network));
    const market::Provider& p = view.provider;
    std::string text = fmt::format("provider  {}\n", to_text(view.id, node.network));
    if (p.operator_account != view.id)
        text += fmt::format("operator  {}\n", to_text(p.operator_account, node.network));
    if (p.payout_account != view.id)
        text += fmt::format("paid to   {}\n", to_text(p.payout_account, node.network));
    text += fmt::format("stake     {} credits, {} of it free\n", credits_text(p.stake),
                        credits_text(view.free_stake));
    for (const market::Unbonding& u : p.unbonding)
        text += fmt::format(
            "unbonding {} credits, {}\n", credits_text(u.amount),
            u.ready <= chain.state.active_time
                ? "ready: `millrace provider withdraw`"
                : "ready in " + human_duration(u.ready.value - chain.state.active_time.value));
    if (p.ask) text += fmt::format("offer     {}\n", ask_text(*p.ask));
    if (p.next)
        text +=
            fmt::format("next      {} (from clearing {})\n", ask_text(*p.next), p.next_from.value);
    text += fmt::format("state     {}\n", p.paused == market::PauseReason::none
                                              ? "on the market"
                                              : std::string("paused: ") + enum_name(p.paused));
    text += fmt::format("leases    {} running, {} waiting, {} settled, {} missed\n", p.running,
                        p.waiting, p.settled, p.missed);
    if (!p.endpoint.empty()) text += fmt::format("endpoint  {}\n", std::string(p.endpoint));
    context.print(to_json(view, {node.network}), text);
    return Ok{};
}

Try<Ok> list(Context& context) {
    MILLRACE_TRY(const NodeStatus node, node_status(context));
    MILLRACE_TRY(Client* const client, context.client());
    context.take_on_trust("the list of providers");
    boost::json::array rows;
    Table table({"STAKE", "SLOTS", "SETTLED", "MISSED", "STATE", "PROVIDER"});
    boost::json::object params{{"limit", market::kPageMax}};
    for (;;) {
        MILLRACE_TRY(const boost::json::value raw, client->call("provider_list", params));
        const auto page = from_json<std::vector<market::ProviderView>>(raw);
        if (!page.has_value())
            return Err{Failure{Exit::failed, "provider_list: " + page.error().sentence()}};
        for (const market::ProviderView& view : *page)
            table.add({credits_text(view.provider.stake), std::to_string(view.slots),
                       std::to_string(view.provider.settled), std::to_string(view.provider.missed),
                       view.provider.paused == market::PauseReason::none
                           ? "active"
                           : enum_name(view.provider.paused),
                       to_text(view.id, node.network)});
        for (const boost::json::value& row : raw.as_array()) rows.push_back(row);
        if (page->size() < market::kPageMax) break;
        MILLRACE_CHECK(check_list_size("provider_list", rows.size()));
        params["from"] = to_text(page->back().id, node.network);
    }
    const bool is_empty = rows.empty();
    context.print(rows, is_empty ? "No providers are registered."
                                 : "Stakes in credits\n" + table.text(Terminal::of(1)));
    return Ok{};
}

void add_ask_options(Command command, Options& o, bool is_required) {
    command
        ->add_option("--step", o.steps,
                     "PRICE:SLOTS, credits per Ggas before the market's fee; up to 4, rising")
        ->required(is_required)
        ->one_at_a_time();
    command->add_option("--memory-mib", o.memory_mib, "Memory for one task");
    command->add_option("--region", o.region, "Where the machine is, by number");
    command->add_option("--task-gas-max", o.task_gas,
                        "Most gas of one task that is taken, up to 2^50; left out at "
                        "registration: what fills a lot, 60G");
    command->add_option("--task-mib-max", o.task_mib, "Largest input and output of a task")
        ->in_range(0U, 131'072U);
}

}  // namespace

void add_provider_commands(CLI::App& app, Context& context) {
    const auto o = std::make_shared<Options>();
    const Command group = Command(app).add_subcommand("provider", "Machines that work for credits");
    group->require_subcommand();
    const auto add = [&](const char* name, const char* what, const char* example, auto handler) {
        const Command command = group->add_subcommand(name, what);
        command->footer(std::string("Example:\n  ") + example);
        command->callback([&context, o, handler] {
            context.action = [&context, o, handler] { return handler(context, *o); };
        });
        return command;
    };
    const auto signs = [&](Command command) {
        command->add_option("--from", o->from, "Account that signs: owner or operator");
        command->add_option("--provider", o->provider, "Provider, unless it is that account");
        return command;
    };
    const Command registers = add(
        "register", "Put up stake and offer a machine",
        "millrace provider register --stake 1000 --step 0.005:4 --memory-mib 256\n\nThe machine "
        "is the node at --keys-from, else at --node; its key runs the provider and cannot "
        "touch the stake.\nIt works once it is started with --provide-for and this account's "
        "address. `millraced --dev` without that registers itself.",
        register_provider);
    registers->add_option("--from", o->from, "Account that owns the provider");
    registers->add_option("--stake", o->credits, "Credits put up")->required();
    const auto machine = [&](Command command) {
        command->add_option("--keys-from", o->keys_from, "The machine's node, http://HOST:PORT");
        command->add_option("--endpoint", o->endpoint,
                            "Where data is served, HOST:PORT; else that node's");
        command
            ->add_option("--vrf-key", o->vrf_key,
                         "The machine's VRF key, as `millraced --print-provider-keys` prints it")
            ->excludes("--keys-from");
    };
    machine(registers);
    registers->add_option("--encryption-key", o->encryption_key, "The machine's X25519 key");
    const auto accounts = [&](Command command) {
        command->add_option("--operator", o->operator_account,
                            "Account whose key runs the machine, by address or name");
        command->add_option("--payout", o->payout_account, "Account that is paid, likewise");
    };
    accounts(registers);
    add_ask_options(registers, *o, true);
    const auto admission = [&](Command command) {
        command->add_option("--admission", o->admission,
                            "Credits for a place in a full book; they do not come back");
    };
    admission(registers);

    const Command shows = add("show", "Stake, offer, leases and record of a provider",
                              "millrace provider show tmill1...", show);
    shows->add_option("provider", o->provider, "Address, or name in the keystore; else the own");
    shows->add_option("--from", o->from, "Account in the keystore");
    add("list", "All providers", "millrace provider list --json",
        [](Context& c, const Options&) { return list(c); });
    add_provider_explain_command(*group, context);
    add_provider_history_commands(*group, context);
    add_ask_options(signs(add("ask", "Change the offer; what is not named stays",
                              "millrace provider ask --step 0.004:2 --step 0.006:4", change_ask)),
                    *o, false);
    accounts(
        signs(add("keys", "Another operator or payout account; the owner signs",
                  "millrace provider keys --operator tmill1... --payout savings", change_keys)));
    machine(signs(add("update", "Another endpoint or VRF key, for a machine that has moved",
                      "millrace provider update --keys-from http://203.0.113.7:8645", update)));
    const auto amount = [&](Command command) {
        signs(command)->add_option("credits", o->credits, "Amount")->required();
    };
    amount(add("stake", "Add to the stake", "millrace provider stake 500",
               [](Context& c, const Options& options) {
                   return with_amount<market::ProviderStake>(c, options, "Put up {} credits more?",
                                                             "{} credits were added to the stake.");
               }));
    amount(add("unstake", "Begin to take stake out", "millrace provider unstake 500",
               [](Context& c, const Options& options) {
                   return with_amount<market::ProviderUnstake>(
                       c, options, "Begin to take {} credits out of the stake?",
                       "{} credits unbond; `millrace provider show` tells when they are ready.");
               }));
    signs(add("withdraw", "Pay out what has unbonded", "millrace provider withdraw",
              [](Context& c, const Options& options) {
                  return bare<market::ProviderWithdraw>(c, options, "Paid out.");
              }));
    signs(add("pause", "Take no new leases", "millrace provider pause",
              [](Context& c, const Options& options) {
                  return bare<market::ProviderPause>(c, options, "Paused.");
              }));
    admission(signs(add("resume", "Take leases again", "millrace provider resume", resume)));
}

}  // namespace millrace::wallet
