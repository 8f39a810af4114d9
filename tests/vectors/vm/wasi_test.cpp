#include <doctest/doctest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/support/machine_programs.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/vectors.hpp"
#include "tests/vectors/vm/wasi_script.hpp"

/// The expectations of WebAssembly/wasi-testsuite for preview 1 (folder wasi/ of the vectors). They
/// are JSON: arguments, environment, exit code, output, one file a program. What each program asks
/// of a host is done by a script (wasi_script.hpp), call by call, on our own machine; the programs
/// themselves run as well where they lie beside the JSON, as contrib/fetch-vectors puts them.
namespace millrace::vm::test {
namespace {

namespace fs = std::filesystem;

Expectation expectation_of(const std::string& text) {
    const boost::json::object fields = boost::json::parse(text).as_object();
    Expectation out;
    if (const auto* args = fields.if_contains("args"))
        for (const auto& arg : args->as_array()) out.args.emplace_back(arg.as_string());
    if (const auto* env = fields.if_contains("env"))
        for (const auto& [name, value] : env->as_object())
            out.env.push_back(std::string(name) + "=" + std::string(value.as_string()));
    if (const auto* text_out = fields.if_contains("stdout"))
        out.out = std::string(text_out->as_string());
    if (const auto* code = fields.if_contains("exit_code"))
        out.exit_code = static_cast<std::uint32_t>(code->as_int64());
    return out;
}

TaskArguments arguments_of(const Expectation& expected) {
    TaskArguments arguments = Guest::default_arguments();
    arguments.args.insert(arguments.args.end(), expected.args.begin(), expected.args.end());
    arguments.env = expected.env;
    return arguments;
}

const Scripts& scripts() {
    static const Scripts kScripts = [] {
        Scripts all = file_scripts();
        for (Scripts more : {path_scripts(), right_scripts(), stream_scripts()}) all.merge(more);
        return all;
    }();
    return kScripts;
}

struct Reason {
    std::string name, why;
};
constexpr const char* kNoLinks =
    "needs links, and a task's files have none (docs/protocol/wasi.md)";
/// What the suite asks for and a task does not have, by name. Where the reason is links, that they
/// are refused is checked instead.
const std::vector<Reason>& inapplicable() {
    static const std::vector<Reason> kRows{
        {"rust/nofollow_errors", kNoLinks}, {"rust/path_exists", kNoLinks},
        {"rust/path_link", kNoLinks},       {"rust/path_symlink_trailing_slashes", kNoLinks},
        {"rust/readlink", kNoLinks},        {"rust/symlink_create", kNoLinks},
        {"rust/symlink_filestat", kNoLinks}};
    return kRows;
}
constexpr const char* kEmptyRoot =
    "wants its files in the folder it writes to, which is empty when a task begins";
constexpr const char* kOwnVariables =
    "counts its environment, to which a task's index and the number of tasks are added";
/// Beside those, published programs that fail for what a task is.
const std::vector<Reason>& programs_not_for_tasks() {
    static const std::vector<Reason> kRows{
        {"assemblyscript/environ_get-multiple-variables", kOwnVariables},
        {"assemblyscript/environ_sizes_get-multiple-variables", kOwnVariables},
        {"c/fdopendir-with-access", kEmptyRoot},
        {"c/fopen-with-access", kEmptyRoot},
        {"c/lseek", kEmptyRoot},
        {"c/pread-with-access", kEmptyRoot},
        {"c/pwrite-with-access", kEmptyRoot},
        {"c/stat-dev-ino", kEmptyRoot}};
    return kRows;
}
bool listed(const std::vector<Reason>& rows, const std::string& name) {
    return std::any_of(rows.begin(), rows.end(), [&](const Reason& r) { return r.name == name; });
}

/// "c/lseek" and so on, of every expectation in the folder; empty where there are no vectors.
std::vector<std::string> expectations(const fs::path& folder) {
    std::vector<std::string> out;
    for (const char* language : {"assemblyscript", "c", "rust"})
        for (const auto& entry : fs::directory_iterator(folder / language))
            if (entry.path().extension() == ".json" && entry.path().stem() != "manifest")
                out.push_back(std::string(language) + "/" + entry.path().stem().string());
    std::sort(out.begin(), out.end());
    return out;
}
std::optional<fs::path> wasi_folder() {
    const char* folder = std::getenv("MILLRACE_VECTORS");
    if (folder != nullptr && *folder != '\0') return fs::path(folder) / "wasi";
    millrace::test::skip_case("wasi expectations (MILLRACE_VECTORS is not set)");
    return std::nullopt;
}
std::string file_text(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    REQUIRE_MESSAGE(file.good(), "cannot read ", path.string());
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_SUITE("vectors/wasi") {
    TEST_CASE("every expectation of the preview 1 suite is met, or named with a reason") {
        const auto folder = wasi_folder();
        if (!folder) return;
        int passed = 0;
        const std::vector<std::string> names = expectations(*folder);
        for (const std::string& name : names) {
            CAPTURE(name);
            const Expectation expected = expectation_of(file_text(*folder / (name + ".json")));
            Guest guest(arguments_of(expected));
            if (listed(inapplicable(), name)) {
                links_are_refused(guest, expected);
                continue;
            }
            const auto script = scripts().find(name);
            if (script == scripts().end()) {
                FAIL_CHECK("an expectation that no script here knows");
                continue;
            }
            script->second(guest, expected);
            CHECK_EQ(guest.exit(), HostOutcome::done);
            ++passed;
        }
        for (const auto& row : inapplicable())
            std::printf("wasi: %s does not apply: %s\n", row.name.c_str(), row.why.c_str());
        std::printf("wasi: %d of %zu expectations met, %zu do not apply\n", passed, names.size(),
                    inapplicable().size());
        CHECK_EQ(passed, 48);
        CHECK_EQ(names.size(), scripts().size() + inapplicable().size());
    }

    TEST_CASE("the suite's own programs end as it says") {
        const auto folder = wasi_folder();
        if (!folder) return;
        int passed = 0;
        for (const std::string& name : expectations(*folder)) {
            const fs::path path = *folder / (name + ".wasm");
            if (!fs::exists(path) || listed(inapplicable(), name) ||
                listed(programs_not_for_tasks(), name))
                continue;
            CAPTURE(name);
            const Expectation expected = expectation_of(file_text(*folder / (name + ".json")));
            const std::string module = file_text(path);
            const Image image = millrace::test::image_of(Bytes(module.begin(), module.end()));
            TaskArguments arguments = arguments_of(expected);
            arguments.gas_limit = std::uint64_t{1} << 34;
            arguments.segment_gas = arguments.gas_limit >> 10;
            const auto page = encode_arguments(arguments);
            REQUIRE(page.has_value());
            const auto state = load_task(image, {*page, {}});
            const auto run = run_task(*state, 0);
            REQUIRE(run.has_value());
            const std::string errors(as_text(run->tails.err));
            CAPTURE(errors);
            CHECK_EQ(run->claim.end, ClaimEnd::exited);
            CHECK_EQ(run->claim.code, expected.exit_code);
            if (!expected.out.empty()) CHECK_EQ(as_text(run->tails.out), expected.out);
            ++passed;
        }
        if (passed == 0)
            millrace::test::skip_case("wasi programs (contrib/fetch-vectors gets them)");
        else
            std::printf("wasi: %d published programs ran as they should\n", passed);
    }
}

}  // namespace millrace::vm::test
