#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>

#include "market/ask.hpp"
#include "market/task.hpp"
#include "vm/machine/trap.hpp"
#include "vm/native/worker_client.hpp"
#include "wallet/command_line.hpp"
#include "wallet/job_fetch.hpp"
#include "wallet/job_request.hpp"
#include "wallet/modules.hpp"
#include "wallet/units.hpp"

namespace millrace::wallet {

namespace {

namespace fs = std::filesystem;

/// Of each stream this much goes into the value under --json.
constexpr std::size_t kStreamKeptMax = 1U << 20U;

struct Options {
    std::string module;
    std::optional<fs::path> input;
    std::optional<fs::path> output;
    std::optional<fs::path> stdin_file;
    std::vector<std::string> environment;
    std::string gas_limit = "10G";
    std::uint64_t memory_mib = 64;
    std::uint32_t task = 0;
    std::uint32_t tasks = 1;
    bool overwrite = false;
};

/// What a task of a job with these options would see, with the input as a folder of this machine.
Try<vm::WorkerJob> worker_job(const Context& context, const Options& options) {
    MILLRACE_TRY(const Gas gas, parse_gas("--gas", options.gas_limit));
    const auto tier = memory_tier_for(options.memory_mib);
    if (!tier || gas.value > market::kTaskGasMax)
        return Err{Failure{Exit::usage, "--memory-mib or --gas is more than a job can have"}};
    market::JobSpec spec;
    spec.task_gas = gas;
    spec.tasks = options.tasks;
    spec.requirement.memory_tier = *tier;
    for (const std::string& text : context.program_args) spec.arguments.push_back(text);
    for (const std::string& text : options.environment) spec.environment.push_back(text);
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    vm::TaskArguments arguments = market::task_arguments(
        JobId{}, spec, WallTime{static_cast<std::uint64_t>(now.count())}, options.task);
    arguments.output_bytes_max = vm::kNoOutputCap;  // nobody is paid to keep it
    if (const auto page = vm::encode_arguments(arguments); !page.has_value())
        return Err{Failure{Exit::usage, vm::to_sentence(page.error())}};
    vm::WorkerJob job = vm::worker_job(fs::absolute(options.module).string(), arguments);
    if (options.input)
        job.inputs.push_back(
            vm::FolderInput{vm::WorkerPath(fs::absolute(*options.input).string())});
    if (options.stdin_file)
        job.stdin_file = vm::WorkerPath(fs::absolute(*options.stdin_file).string());
    if (options.output) job.output_folder = vm::WorkerPath(fs::absolute(*options.output).string());
    job.claim = false;
    job.stream = true;
    return job;
}

void write_all(int fd, ByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(fd, bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return;  // the reader has left; the program's end is still worth knowing
        bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
}

/// Text where the bytes are text, else hexadecimal.
void add_stream(boost::json::object& out, const std::string& name, const std::string& bytes) {
    boost::system::error_code ec;
    (void)boost::json::parse(boost::json::serialize(boost::json::value(bytes)), ec);
    if (ec)
        out[name + "_hex"] = to_hex(as_bytes(bytes));
    else
        out[name] = bytes;
}

std::string end_text(const vm::FinalFacts& facts) {
    switch (facts.end) {
        case vm::ClaimEnd::exited:
            return fmt::format("exit {}", facts.code);
        case vm::ClaimEnd::trapped:
            return fmt::format("trap: {} in function {}",
                               vm::to_text(static_cast<vm::TrapCode>(facts.code)),
                               facts.trap_function);
        case vm::ClaimEnd::out_of_gas:
            break;
    }
    return "out of gas; give it more with --gas";
}

Try<Ok> run(Context& context, const Options& options) {
    // A module that cannot run is explained better here than by the worker.
    MILLRACE_TRY(Bytes module, read_module(options.module));
    MILLRACE_TRY(const ImageRoot image, image_of(options.module, std::move(module)));
    if (options.output) MILLRACE_CHECK(check_free({*options.output, true, options.overwrite}, 1));
    MILLRACE_TRY(const vm::WorkerJob job, worker_job(context, options));
    vm::WorkerSetup setup;
    setup.program = vm::default_worker_program();
    std::string kept[2];
    const auto observer = [&](const vm::WorkerEvent& event) {
        const auto* wrote = std::get_if<vm::WorkerWrote>(&event);
        if (wrote == nullptr) return;
        if (!context.json) return write_all(wrote->stream == 2 ? 2 : 1, wrote->bytes);
        std::string& stream = kept[wrote->stream == 2 ? 1 : 0];
        const std::string_view text = as_text(wrote->bytes);
        stream += text.substr(0, kStreamKeptMax - std::min(kStreamKeptMax, stream.size()));
    };
    const std::atomic<bool> never{false};
    const auto begun = std::chrono::steady_clock::now();
    const auto done = vm::run_in_worker(setup, job, observer, never);
    if (!done.has_value())
        return Err{
            Failure{done.error().blame == vm::WorkerBlame::job ? Exit::bad_input : Exit::failed,
                    done.error().sentence}};
    const auto ms =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                       std::chrono::steady_clock::now() - begun)
                                       .count());
    const vm::FinalFacts& facts = done->facts;
    const std::string text = end_text(facts);
    if (context.json) {
        boost::json::object out{{"image", to_hex(image.view())},
                                {"end", enum_name(facts.end)},
                                {"code", facts.code},
                                {"trap_function", facts.trap_function},
                                {"text", text},
                                {"gas", facts.gas.value},
                                {"wall_ms", ms},
                                {"output_root", to_hex(facts.output_root.view())}};
        // A code of 0 is success only where the program has ended by itself.
        if (facts.end == vm::ClaimEnd::out_of_gas) out["code"] = nullptr;
        if (facts.end != vm::ClaimEnd::trapped) out["trap_function"] = nullptr;
        add_stream(out, "stdout", kept[0]);
        add_stream(out, "stderr", kept[1]);
        context.print(out, "");
    } else {
        context.note(
            fmt::format("{}, {}, {}", text, human_gas(facts.gas.value), human_duration(ms)));
    }
    // The program's own exit code; what has none is a failed job's.
    context.exit_code = facts.end == vm::ClaimEnd::exited ? static_cast<int>(facts.code & 0xffU)
                                                          : static_cast<int>(Exit::job_failed);
    return Ok{};
}

}  // namespace

void add_run_command(CLI::App& app, Context& context) {
    const auto options = std::make_shared<Options>();
    const Command command = Command(app).add_subcommand(
        "run", "Run a module on this machine, as a job's task would run");
    command->add_option("module", options->module, "WebAssembly module, app.wasm")->required();
    command->add_option("--input", options->input, "Folder that it sees as /in")->existing_folder();
    command->add_option("--output", options->output, "Folder for what it leaves in /");
    command->add_flag("--overwrite", options->overwrite, "Replace files that are there");
    command->add_option("--stdin", options->stdin_file, "File that it reads as standard input")
        ->existing_file();
    command->add_option("--env", options->environment, "NAME=value in its environment")
        ->one_at_a_time();
    command->add_option("--gas,--gas-limit", options->gas_limit, "Most gas, such as 2G or 500M")
        ->capture_default_str();
    command->add_option("--memory-mib", options->memory_mib, "Its memory")->capture_default_str();
    command->add_option("--task", options->task, "Index of the task that it is")
        ->capture_default_str();
    command->add_option("--tasks", options->tasks, "Number of tasks")
        ->in_range(1U, 65'536U)
        ->capture_default_str();
    command->footer(
        "Example:\n  millrace run render.wasm --input scene --output out --task 3 --tasks 64 -- "
        "--size 800x600\n\nStandard output and exit code are the program's; gas and time go to "
        "standard error. A trap or the end of the gas is exit code 8.\nNeeds no node and no "
        "account.");
    command->callback([&context, options] {
        context.takes_program_args = true;
        context.action = [&context, options] { return run(context, *options); };
    });
}

}  // namespace millrace::wallet
