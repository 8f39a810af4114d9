#include <fmt/format.h>

#include "wallet/command_line.hpp"
#include "wallet/tx.hpp"

namespace millrace::wallet {

namespace {

Try<Ok> finish(Context& context, const Sent& sent, const std::string& what) {
    context.print(
        sent_json(sent),
        fmt::format("{}\nFinal in block {}; fee {} credits; transaction {}", what,
                    sent.height.value, to_credits(sent.receipt.fee), to_hex(sent.hash.view())));
    return Ok{};
}

Try<Ok> send(Context& context, const std::optional<std::string>& from, const std::string& given,
             const std::string& credits, const std::string& memo) {
    const auto amount = from_credits(credits);
    if (!amount || amount->value == 0)
        return Err{Failure{Exit::usage,
                           fmt::format("\"{}\" is no amount of credits, such as 12.5", credits)}};
    MILLRACE_TRY(Signer signer, Signer::open(context, from));
    MILLRACE_TRY(const Address to, address_of(context, given, signer.node().network));
    const std::string address = signer.text(to);
    const std::string shown = given == address ? address : fmt::format("{} ({})", given, address);
    if (memo.size() > market::kMemoMax)
        return Err{Failure{Exit::usage, fmt::format("--memo: at most {} bytes", market::kMemoMax)}};
    market::Transfer body;
    body.to = to;
    body.amount = *amount;
    const ByteView raw = as_bytes(memo);
    body.memo.assign(raw.begin(), raw.end());
    MILLRACE_TRY(const market::SignedTx tx, signer.sign(context, body));
    MILLRACE_CHECK(
        context.confirm(fmt::format("Send {} credits to {} (fee at most {})?", to_credits(*amount),
                                    shown, to_credits(tx.tx.fee_max))));
    MILLRACE_TRY(const Sent sent, send_and_wait(context, tx));
    return finish(context, sent, fmt::format("Sent {} credits to {}.", to_credits(*amount), shown));
}

Try<Ok> faucet(Context& context, const std::optional<std::string>& from,
               const std::string& credits) {
    const auto amount = from_credits(credits);
    if (!amount || amount->value == 0)
        return Err{Failure{Exit::usage, fmt::format("\"{}\" is no amount of credits", credits)}};
    MILLRACE_TRY(Signer signer, Signer::open(context, from));
    MILLRACE_TRY(const market::ChainView chain, chain_view(context));
    if (const Amount most = chain.params.money.faucet_max; *amount > most)
        return Err{Failure{Exit::usage, fmt::format("the faucet gives {} credits at once at most; "
                                                    "it may be asked again",
                                                    to_credits(most))}};
    market::Faucet body;
    body.to = signer.address();
    body.amount = *amount;
    MILLRACE_TRY(market::SignedTx tx, signer.sign(context, body));
    MILLRACE_TRY(const Sent sent, send_and_wait(context, tx));
    return finish(context, sent,
                  fmt::format("The faucet gave {} credits to {}.", to_credits(*amount),
                              signer.text(signer.address())));
}

}  // namespace

void add_send_commands(CLI::App& app, Context& context) {
    struct Options {
        std::optional<std::string> from;
        std::string to, credits, memo;
    };
    const auto options = std::make_shared<Options>();
    const Command command = Command(app).add_subcommand("send", "Pay credits to an account");
    command
        ->add_option("to", options->to, "Address, mill1... or tmill1..., or a name in the keystore")
        ->required();
    command->add_option("credits", options->credits, "Amount, such as 12.5")->required();
    command->add_option("--from", options->from, "Account that pays");
    command->add_option("--memo", options->memo, "A remark for the receiver, public");
    command->footer("Example:\n  millrace send tmill1w... 12.5 --memo \"invoice 7\"");
    command->callback([&context, options] {
        context.action = [&context, options] {
            return send(context, options->from, options->to, options->credits, options->memo);
        };
    });

    const Command free = Command(app).add_subcommand("faucet", "Get credits on a --dev chain");
    free->add_option("credits", options->credits, "Amount")->required();
    free->add_option("--from", options->from, "Account that gets them");
    free->footer("Example:\n  millrace faucet 1000");
    free->callback([&context, options] {
        context.action = [&context, options] {
            return faucet(context, options->from, options->credits);
        };
    });
}

}  // namespace millrace::wallet
