#include <fmt/format.h>

#include <memory>

#include "wallet/command_line.hpp"
#include "wallet/transfer.hpp"
#include "wallet/trees.hpp"
#include "wallet/units.hpp"

namespace millrace::wallet {

namespace {

namespace fs = std::filesystem;

struct Options {
    fs::path path;
    std::string id;
    fs::path output;
    bool is_folder = false;
    std::string job;
};

struct PinAnswer {
    JobId job;
    std::uint32_t blobs = 0;
    std::uint64_t bytes_here = 0;
    std::uint32_t missing = 0;
};
BOOST_DESCRIBE_STRUCT(PinAnswer, (), (job, blobs, bytes_here, missing))

std::string moved_text(std::uint64_t moved) {
    return moved == 0 ? "the node had all of it" : human_bytes(moved) + " moved";
}

Try<Ok> put(Context& context, const Options& options) {
    std::error_code ec;
    if (fs::is_directory(options.path, ec)) {
        MILLRACE_TRY(LocalTree tree, hash_folder(context, options.path));
        MILLRACE_TRY(const std::uint64_t moved, send_tree(context, tree));
        const std::string root = to_hex(tree.root.view());
        context.print(boost::json::object{{"root", root}, {"bytes", tree.bytes}, {"moved", moved}},
                      fmt::format("folder   {}\nbytes    {}, {}", root, human_bytes(tree.bytes),
                                  moved_text(moved)));
        return Ok{};
    }
    MILLRACE_TRY(const LocalBlob blob, hash_file(options.path));
    MILLRACE_TRY(const std::uint64_t moved, send_blob(context, blob));
    const std::string id = to_hex(blob.id.view());
    context.print(boost::json::object{{"id", id}, {"bytes", blob.length}, {"moved", moved}},
                  fmt::format("file     {}\nbytes    {}, {}", id, human_bytes(blob.length),
                              moved_text(moved)));
    return Ok{};
}

Try<Ok> check_new(const fs::path& path) {
    std::error_code ec;
    if (!fs::exists(path, ec)) return Ok{};
    return Err{
        Failure{Exit::bad_input, path.string() + " is there already; choose another --output"}};
}

Try<Ok> get_folder(Context& context, const Options& options) {
    MILLRACE_TRY(const TreeRoot root, parse_id<TreeRoot>("root", options.id));
    const fs::path scratch = options.output.string() + ".millrace-fetch";
    Progress progress(context.quiet);
    auto tree =
        RemoteTree::fetch(context, root, scratch, [&](std::uint64_t done, std::uint64_t total) {
            progress.show("folder", done, total, human_bytes(done));
        });
    progress.finish();
    if (!tree.has_value()) {
        Failure failure = tree.error();
        std::error_code ec;
        if (fs::exists(scratch, ec))
            failure.message += "; the same command again goes on from what has come";
        return Err{std::move(failure)};
    }
    MILLRACE_CHECK(tree->extract(options.output));
    const std::uint64_t bytes = tree->index().total_bytes();
    context.print(boost::json::object{{"folder", options.output.string()}, {"bytes", bytes}},
                  fmt::format("folder   {}: {}", options.output.string(), human_bytes(bytes)));
    return Ok{};
}

Try<Ok> get(Context& context, const Options& options) {
    MILLRACE_CHECK(check_new(options.output));
    if (options.is_folder) return get_folder(context, options);
    MILLRACE_TRY(const Hash id, parse_id<Hash>("id", options.id));
    MILLRACE_TRY(const ChunkList list,
                 ask_holders<ChunkList>(
                     context, "blob_chunks", {{"id", options.id}},
                     [&](const ChunkList& found) { return blob_id(found) == id; },
                     "the node's list of chunks is of another blob"));
    Progress progress(context.quiet);
    MILLRACE_CHECK(fetch_blob(context, id, list.length, options.output,
                              [&](std::uint64_t done, std::uint64_t total) {
                                  progress.show("file", done, total, human_bytes(done));
                              }));
    progress.finish();
    context.print(
        boost::json::object{{"file", options.output.string()}, {"bytes", list.length}},
        fmt::format("file     {}: {}", options.output.string(), human_bytes(list.length)));
    return Ok{};
}

std::string pin_text(const PinAnswer& pin) {
    return fmt::format(
        "{} in {}{}", human_bytes(pin.bytes_here), counted(pin.blobs, "blob"),
        pin.missing == 0
            ? std::string()
            : fmt::format(", {} not on this node and kept once they come", pin.missing));
}

Try<Ok> pin(Context& context, const Options& options) {
    MILLRACE_TRY(const JobId job, parse_id<JobId>("job", options.job));
    MILLRACE_TRY(Client* const client, context.client());
    MILLRACE_TRY(const PinAnswer answer,
                 client->ask<PinAnswer>("blob_pin", {{"job", to_hex(job.view())}}));
    context.take_on_trust("what the node keeps");
    context.print(to_json(answer), fmt::format("Pinned: {}", pin_text(answer)));
    return Ok{};
}

Try<Ok> unpin(Context& context, const Options& options) {
    MILLRACE_TRY(const JobId job, parse_id<JobId>("job", options.job));
    MILLRACE_TRY(Client* const client, context.client());
    MILLRACE_TRY(const boost::json::value answer,
                 client->call("blob_unpin", {{"job", to_hex(job.view())}}));
    const auto* was = answer.is_object() ? answer.get_object().if_contains("was_pinned") : nullptr;
    if (was == nullptr || *was != true)
        return Err{Failure{Exit::not_found,
                           "this job is not pinned; `millrace blob pins` lists "
                           "those that are"}};
    context.take_on_trust("what the node keeps");
    context.print(answer, "No longer pinned; its data stay until their room is needed.");
    return Ok{};
}

Try<Ok> pins(Context& context) {
    MILLRACE_TRY(Client* const client, context.client());
    MILLRACE_TRY(const auto all, client->ask<std::vector<PinAnswer>>("blob_pins"));
    context.take_on_trust("what the node keeps");
    Table table({"JOB", "BLOBS", "BYTES HERE", "MISSING"});
    for (const PinAnswer& one : all)
        table.add({to_hex(one.job.view()), std::to_string(one.blobs), human_bytes(one.bytes_here),
                   std::to_string(one.missing)});
    context.print(to_json(all), all.empty() ? "No pinned jobs." : table.text(Terminal::of(1)));
    return Ok{};
}

}  // namespace

void add_blob_commands(CLI::App& app, Context& context) {
    const auto options = std::make_shared<Options>();
    const Command group =
        Command(app).add_subcommand("blob", "Files and folders on a node, by their hash");
    group->require_subcommand();
    const auto add = [&](const char* name, const char* what, const char* example, auto handler) {
        const Command command = group->add_subcommand(name, what);
        command->footer(std::string("Example:\n  ").append(example));
        command->callback([&context, options, handler] {
            context.action = [&context, options, handler] { return handler(context, *options); };
        });
        return command;
    };
    add("put", "Send a file or a folder; what the node has of it does not move",
        "millrace blob put scene", put)
        ->add_option("path", options->path, "File or folder")
        ->required()
        ->existing_path();
    const Command get_command = add("get", "Fetch a file by its id, verified chunk by chunk",
                                    "millrace blob get 3fa9... --output scene --folder", get);
    get_command->add_option("id", options->id, "Id of a file, or root of a folder")->required();
    get_command->add_option("--output", options->output, "Where to")->required();
    get_command->add_flag("--folder", options->is_folder, "The hash is a folder's root");
    get_command
        ->add_option("--from", context.holders,
                     "Node to fetch from before --node, http://HOST:PORT; may be repeated")
        ->one_at_a_time();
    const char* const job = "Job id";
    add("pin", "Keep a job's input and outputs on the node beyond their retention",
        "millrace blob pin 3fa9...", pin)
        ->add_option("job", options->job, job)
        ->required();
    add("unpin", "Let go of what a pin keeps", "millrace blob unpin 3fa9...", unpin)
        ->add_option("job", options->job, job)
        ->required();
    add("pins", "Pinned jobs of the node", "millrace blob pins",
        [](Context& c, const Options&) { return pins(c); });
}

}  // namespace millrace::wallet
