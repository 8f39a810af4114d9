#include "node/settings.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "node/dev_chain.hpp"
#include "tests/support/temp_dir.hpp"

namespace millrace::node {
namespace {

/// Sends what the program would print to nowhere, and keeps it.
class Quiet {
  public:
    Quiet() : out_(std::cout.rdbuf(text.rdbuf())), err_(std::cerr.rdbuf(text.rdbuf())) {}
    ~Quiet() {
        std::cout.rdbuf(out_);
        std::cerr.rdbuf(err_);
    }
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;
    std::ostringstream text;

  private:
    std::streambuf* out_;
    std::streambuf* err_;
};

Parsed parse(std::vector<std::string> words, std::string* printed = nullptr) {
    words.insert(words.begin(), "millraced");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    const Quiet quiet;
    Parsed out = parse_settings(static_cast<int>(argv.size()), argv.data());
    if (printed != nullptr) *printed = quiet.text.str();
    return out;
}

class Variable {
  public:
    Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
    ~Variable() { ::unsetenv(name_); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

  private:
    const char* name_;
};

}  // namespace

TEST_SUITE("node/settings") {
    TEST_CASE("what --print-config writes reads back to the same settings") {
        const test::TempDir folder;
        const std::vector<std::string> words{"--dev",
                                             "--data-dir",
                                             "/tmp/a folder with = signs",
                                             "--rpc-port=0",
                                             "--log-level=debug",
                                             "--log-json",
                                             "--blob-quota-bytes=123456789012",
                                             "--provider-cores=3",
                                             "--provider-memory-mib=777",
                                             "--provider-ask-nano=1099511627775",
                                             "--provider-stake-nano=18446744073709551615",
                                             "--mempool-bytes-max=44040960",
                                             "--rpc-address=::1"};
        const Parsed first = parse(words);
        REQUIRE_FALSE(first.exit_code.has_value());
        std::vector<std::string> printing = words;
        printing.emplace_back("--print-config");
        std::string text;
        CHECK(parse(printing, &text).exit_code == 0);
        CHECK(text == to_config_text(first.settings));
        const std::string file = (folder.path() / "millraced.conf").string();
        std::ofstream(file) << text;
        const Parsed again = parse({"--config", file});
        REQUIRE_FALSE(again.exit_code.has_value());
        CHECK(to_config_text(again.settings) == text);
        CHECK(again.settings.data_dir == "/tmp/a folder with = signs");
        CHECK(again.settings.log_json);
        // The defaults too.
        std::ofstream(file) << to_config_text(parse({"--dev"}).settings);
        CHECK(to_config_text(parse({"--config", file}).settings) ==
              to_config_text(parse({"--dev"}).settings));
    }

    TEST_CASE("a flag wins over a variable, a variable over the file") {
        const test::TempDir folder;
        const std::string file = (folder.path() / "millraced.conf").string();
        std::ofstream(file) << "dev=true\nrpc-port=1000\nprovider-cores=1\nlog-level=error\n";
        const Variable port("MILLRACE_RPC_PORT", "2000");
        const Variable cores("MILLRACE_PROVIDER_CORES", "2");
        const Parsed parsed = parse({"--config", file, "--rpc-port", "3000"});
        REQUIRE_FALSE(parsed.exit_code.has_value());
        CHECK(parsed.settings.rpc_port == 3000);
        CHECK(parsed.settings.provider_cores == 2);
        CHECK(parsed.settings.log_level == "error");
        const Variable dev("MILLRACE_DEV", "true");
        CHECK(parse({}).settings.rpc_port == 2000);
    }

    TEST_CASE("--dev provides, unless it is told not to, by flag, variable or file") {
        const test::TempDir folder;
        const std::string file = (folder.path() / "millraced.conf").string();
        std::ofstream(file) << "dev=true\nprovide=false\n";
        CHECK(parse({"--dev"}).settings.provide);
        CHECK_FALSE(parse({"--dev", "--no-provide"}).settings.provide);
        CHECK_FALSE(parse({"--config", file}).settings.provide);
        CHECK(parse({"--config", file, "--provide"}).settings.provide);
        const Variable off("MILLRACE_PROVIDE", "false");
        CHECK_FALSE(parse({"--dev"}).settings.provide);
        CHECK(parse({"--dev", "--provide"}).settings.provide);
    }

    TEST_CASE("no slot is offered that has not the memory of the smallest task") {
        Settings settings;
        settings.provider_memory_mib = 100;
        settings.provider_cores = 3;
        CHECK(make_offer(settings).cores == 1);
        CHECK(make_offer(settings).ask.steps.front().slots == 1);
        settings.provider_memory_mib = 64 * 3;
        CHECK(make_offer(settings).cores == 3);
        settings.provider_memory_mib = 256 * 3;
        CHECK(make_offer(settings).ask.machine.memory_tier == 1);
    }

    TEST_CASE("mistakes end with code 1 and name what is wrong") {
        const test::TempDir folder;
        const std::string file = (folder.path() / "millraced.conf").string();
        std::ofstream(file) << "dev=true\nrpc-prot=1000\n";
        const std::vector<std::pair<std::vector<std::string>, std::string>> rows{
            {{"--dev", "--rpc-port", "70000"}, "rpc-port"},
            {{"--dev", "--rpc-address", "0.0.0.0"}, "--rpc-require-token"},
            {{"--dev", "--rpc-address", "::"}, "--rpc-require-token"},
            {{"--dev", "--rpc-address", "198.51.100.7"}, "--rpc-require-token"},
            {{"--dev", "--rpc-tls-key", "key.pem"}, "rpc-tls-certificate"},
            {{"--dev", "--rpc-batch-max", "0"}, "rpc-batch-max 0"},
            {{"--dev", "--rpc-answers-bytes-max", "1000"}, "rpc-response-bytes-max"},
            {{"--dev", "--rpc-port", "x"}, "rpc-port"},
            {{"--dev", "--log-level", "loud"}, "log-level"},
            {{"--dev", "--unknown"}, "unknown"},
            {{"--config", file}, "rpc-prot"},
            {{"--config", file + ".absent"}, "absent"},
            {{"--dev", "--no-provide", "--provide-for", "tmill1x"}, "--no-provide"},
            {{}, "--dev"},
            // What would fail later, or never work, fails at once and by its name.
            {{"--dev", "--provider-ask-nano", "0"}, "provider-ask-nano 0"},
            {{"--dev", "--provider-ask-nano", "18446744073709551615"}, "provider-ask-nano"},
            {{"--dev", "--provider-cores", "9999"}, "provider-cores 9999"},
            {{"--dev", "--provider-stake-nano", "1"}, "provider-stake-nano 1"},
            {{"--dev", "--provider-memory-mib", "1"}, "64 MiB at least"},
            {{"--dev", "--provider-memory-mib", "100", "--provider-cores", "2"}, "128 in all"},
            {{"--dev", "--provide-for", "zz"}, "provide-for zz"},
            {{"--dev", "--mempool-bytes-max", "1"}, "mempool-bytes-max 1"},
            {{"--dev", "--blob-quota-bytes", "1000"}, "blob-quota-bytes 1000"},
            {{"--dev", "--rpc-address", "nonsense"}, "rpc-address nonsense"},
            {{"--dev", "--rpc-connections-max", "999999999"}, "rpc-connections-max 999999999"},
            {{"--dev", "--rpc-tls-certificate", file, "--rpc-tls-key", file + ".key"},
             "rpc-tls-key " + file + ".key cannot be read"},
        };
        for (const auto& [words, expected] : rows) {
            CAPTURE(expected);
            std::string text;
            CHECK(parse(words, &text).exit_code == 1);
            CHECK(text.find(expected) != std::string::npos);
        }
        // In the config file: with its name.
        std::ofstream(file) << "dev=true\nrpc-port=70000\n";
        std::string text;
        CHECK(parse({"--config", file}, &text).exit_code == 1);
        CHECK(text.find("rpc-port") != std::string::npos);
        CHECK(text.find(file) != std::string::npos);
        CHECK(text.find("--help") != std::string::npos);
        CHECK(parse({"--dev", "--no-provide", "--provider-memory-mib", "1", "--check-config"})
                  .exit_code == 0);
        CHECK(parse({"--help"}).exit_code == 0);
        CHECK(parse({"--version"}).exit_code == 0);
    }
}

}  // namespace millrace::node
