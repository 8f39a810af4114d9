#pragma once

#include <boost/json/value.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wallet/client.hpp"
#include "wallet/keystore.hpp"
#include "wallet/print.hpp"
#include "wallet/proof_reader.hpp"

namespace CLI {
class App;
}

namespace millrace::wallet {

/// What every command shares: the global options and the ways to speak to people, node and
/// keystore.
struct Context {
    std::string node = "http://127.0.0.1:8645";
    std::filesystem::path keystore_dir;
    PassphraseSource passphrase;
    /// Where what a node wants to see comes from; the first that is there counts: this file's first
    /// line, the variable MILLRACE_TOKEN, the cookie in a node's data folder.
    std::optional<std::filesystem::path> token_file;
    std::optional<std::filesystem::path> data_dir;
    std::optional<std::filesystem::path> ca_file;
    /// Whether answers of the node are checked by proof; unless said, those of a node that is not
    /// on this machine are.
    std::optional<bool> verify;
    /// The chain that is meant and the block that is trusted, as typed; see `TrustChoice`. The
    /// chain binds whether or not answers are checked.
    std::optional<std::string> chain;
    std::optional<std::string> checkpoint;
    bool json = false;
    bool yes = false;
    bool quiet = false;
    /// Nothing is signed and sent: the transaction that would be is the result.
    bool dry_run = false;
    /// What stood behind `--` on the command line.
    std::vector<std::string> program_args;
    /// Whether the chosen command hands such arguments on; others refuse them.
    bool takes_program_args = false;

    /// How the program ends when the command has done its work; `run` ends like its program.
    int exit_code = 0;

    /// Nodes that blobs are fetched from, before the node itself; from `--from`.
    std::vector<std::string> holders;

    /// What the chosen command does; set while the command line is parsed, run after it.
    std::function<Try<Ok>()> action;

    [[nodiscard]] Keystore keystore() const { return Keystore(keystore_dir); }
    /// The node; connects on first use.
    /// Where --chain names one, a node that says it is on another is refused.
    [[nodiscard]] Try<Client*> client();

    /// --chain and --checkpoint are ids, whether or not the command comes to use them.
    [[nodiscard]] Try<Ok> check_ids() const;
    /// What is signed without a node is for the chain that --chain names, if it names one.
    [[nodiscard]] Try<Ok> check_meant(const ChainId& found, std::string_view who) const;

    [[nodiscard]] bool is_verifying() const { return verify.value_or(!is_local_url(node)); }
    /// What reads the ledger by proof; null where the node is believed. Meets the node on first
    /// use.
    [[nodiscard]] Try<ProofReader*> proofs();
    /// The result holds something of the node's that no proof covers: said beside it.
    void take_on_trust(std::string_view what);
    /// What is said of the result under --json where answers are checked: `verified`, and what of
    /// it is not. Arrays carry it in each row.
    [[nodiscard]] boost::json::value marked(boost::json::value value) const;

    /// All nodes that may hold a blob, each once, in the order to be asked.
    [[nodiscard]] Try<std::vector<Client*>> holder_clients();

    /// The result of a command: under --json the value, marked, in one line; else the text.
    void print(const boost::json::value& value, std::string_view text) const;
    /// The same of a value that is printed as the node gave it.
    void print_raw(const boost::json::value& value, std::string_view text) const;
    /// A line that must be seen even under --json, on standard error; only --quiet keeps it back.
    void announce(std::string_view text) const;
    /// A remark beside the result; on standard error, and not under --json.
    void note(std::string_view text) const;
    /// Asks on the terminal unless --yes; a "no", or nobody to ask, cancels.
    [[nodiscard]] Try<Ok> confirm(std::string_view question) const;

  private:
    [[nodiscard]] Try<std::string> token() const;
    [[nodiscard]] Try<Client*> connect();
    [[nodiscard]] Try<Ok> check_chain();
    std::unique_ptr<Client> client_;
    bool is_chain_checked_ = false;
    std::unique_ptr<ProofReader> proofs_;
    std::vector<std::string> on_trust_;
    std::vector<std::unique_ptr<Client>> holder_clients_;
};

/// Each group of commands stands in one file under commands/ and adds itself here.
void add_account_commands(CLI::App& app, Context& context);
/// What happened, on the screen and as CSV; each group is the command of its name.
void add_account_history_commands(CLI::App& group, Context& context);
void add_job_history_commands(CLI::App& group, Context& context);
void add_provider_history_commands(CLI::App& group, Context& context);
void add_send_commands(CLI::App& app, Context& context);
void add_tx_commands(CLI::App& app, Context& context);
void add_chain_commands(CLI::App& app, Context& context);
void add_module_commands(CLI::App& app, Context& context);
void add_job_commands(CLI::App& app, Context& context);
/// What looks into a job's results; `group` is the command `job`.
void add_job_result_commands(CLI::App& group, Context& context);
void add_blob_commands(CLI::App& app, Context& context);
/// Why an order waits; each group is the command of its name.
void add_job_explain_command(CLI::App& group, Context& context);
void add_provider_explain_command(CLI::App& group, Context& context);
void add_market_explain_command(CLI::App& group, Context& context);
void add_provider_commands(CLI::App& app, Context& context);
void add_market_commands(CLI::App& app, Context& context);
void add_check_command(CLI::App& app, Context& context);
void add_run_command(CLI::App& app, Context& context);
void add_completion_command(CLI::App& app, Context& context);
void add_rpc_command(CLI::App& app, Context& context);
void add_man_command(CLI::App& app, Context& context);

}  // namespace millrace::wallet
