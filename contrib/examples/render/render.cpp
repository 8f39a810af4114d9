// A small path tracer as a Millrace job: each task renders one tile of the scene in /in/scene.txt
// and leaves /tile-NNN.bin behind; `join` puts the tiles of a finished job together as
// /picture.png.
//
//   clang++-19 --target=wasm32-wasi -O2 -fno-exceptions -o render.wasm render.cpp
//   millrace job run render.wasm --input scene/ --tasks 64 --output tiles/
//   millrace run render.wasm --input tiles/ --output . -- join
//
// Nothing here knows of Millrace but the two environment variables MILLRACE_TASK and
// MILLRACE_TASKS.
#include <dirent.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

struct Vec {
    double x = 0, y = 0, z = 0;
};
Vec operator+(Vec a, Vec b) {
    return {a.x + b.x, a.y + b.y, a.z + b.z};
}
Vec operator-(Vec a, Vec b) {
    return {a.x - b.x, a.y - b.y, a.z - b.z};
}
Vec operator*(Vec a, Vec b) {
    return {a.x * b.x, a.y * b.y, a.z * b.z};
}
Vec operator*(Vec a, double s) {
    return {a.x * s, a.y * s, a.z * s};
}
double dot(Vec a, Vec b) {
    return a.x * b.x + a.y * b.y + a.z * b.z;
}
Vec cross(Vec a, Vec b) {
    return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
Vec unit(Vec a) {
    return a * (1.0 / std::sqrt(dot(a, a)));
}

/// xorshift64*: the same picture from the same scene, on every machine.
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15U + 1) {}
    double next() {
        state_ ^= state_ >> 12U;
        state_ ^= state_ << 25U;
        state_ ^= state_ >> 27U;
        return static_cast<double>((state_ * 0x2545f4914f6cdd1dU) >> 11U) * 0x1p-53;
    }

  private:
    std::uint64_t state_;
};

enum class Surface { matt, metal, glass, light, checker };

struct Sphere {
    Vec centre;
    double radius = 1;
    Surface surface = Surface::matt;
    Vec colour;
    double roughness = 0;
};

struct Scene {
    int width = 0, height = 0, samples = 0, bounces = 8;
    Vec eye, target;
    double field_of_view = 40;
    Vec sky_low, sky_high;
    std::vector<Sphere> spheres;
};

[[noreturn]] void fail(const std::string& sentence) {
    std::fprintf(stderr, "render: %s\n", sentence.c_str());
    std::exit(1);
}

Scene read_scene(const char* path) {
    FILE* file = std::fopen(path, "r");
    if (file == nullptr) fail(std::string("cannot open ") + path);
    Scene scene;
    char line[512];
    int number = 0;
    while (std::fgets(line, sizeof line, file) != nullptr) {
        ++number;
        char word[32] = "";
        int used = 0;
        if (std::sscanf(line, "%31s%n", word, &used) != 1 || word[0] == '#') continue;
        const char* rest = line + used;
        const std::string key = word;
        bool good = true;
        if (key == "image") {
            good = std::sscanf(rest, "%d %d", &scene.width, &scene.height) == 2;
        } else if (key == "samples") {
            good = std::sscanf(rest, "%d", &scene.samples) == 1;
        } else if (key == "bounces") {
            good = std::sscanf(rest, "%d", &scene.bounces) == 1;
        } else if (key == "camera") {
            good = std::sscanf(rest, "%lf %lf %lf %lf %lf %lf %lf", &scene.eye.x, &scene.eye.y,
                               &scene.eye.z, &scene.target.x, &scene.target.y, &scene.target.z,
                               &scene.field_of_view) == 7;
        } else if (key == "sky") {
            good = std::sscanf(rest, "%lf %lf %lf %lf %lf %lf", &scene.sky_low.x, &scene.sky_low.y,
                               &scene.sky_low.z, &scene.sky_high.x, &scene.sky_high.y,
                               &scene.sky_high.z) == 6;
        } else if (key == "sphere") {
            Sphere s;
            char surface[16] = "";
            good = std::sscanf(rest, "%lf %lf %lf %lf %15s %lf %lf %lf %lf", &s.centre.x,
                               &s.centre.y, &s.centre.z, &s.radius, surface, &s.colour.x,
                               &s.colour.y, &s.colour.z, &s.roughness) == 9;
            const std::string kind = surface;
            if (kind == "matt")
                s.surface = Surface::matt;
            else if (kind == "metal")
                s.surface = Surface::metal;
            else if (kind == "glass")
                s.surface = Surface::glass;
            else if (kind == "light")
                s.surface = Surface::light;
            else if (kind == "checker")
                s.surface = Surface::checker;
            else
                good = false;
            scene.spheres.push_back(s);
        } else {
            good = false;
        }
        if (!good)
            fail(std::string(path) + " line " + std::to_string(number) + " is not understood");
    }
    std::fclose(file);
    if (scene.width <= 0 || scene.height <= 0 || scene.samples <= 0)
        fail(std::string(path) + " must say image and samples");
    return scene;
}

struct Hit {
    double distance = 1e30;
    const Sphere* sphere = nullptr;
};

Hit nearest(const Scene& scene, Vec from, Vec direction) {
    Hit hit;
    for (const Sphere& sphere : scene.spheres) {
        const Vec to = sphere.centre - from;
        const double along = dot(to, direction);
        const double inside = sphere.radius * sphere.radius - (dot(to, to) - along * along);
        if (inside < 0) continue;
        const double half = std::sqrt(inside);
        const double distance = along - half > 1e-4 ? along - half : along + half;
        if (distance > 1e-4 && distance < hit.distance) hit = {distance, &sphere};
    }
    return hit;
}

Vec random_in_sphere(Random& random) {
    for (;;) {
        const Vec v{random.next() * 2 - 1, random.next() * 2 - 1, random.next() * 2 - 1};
        if (dot(v, v) < 1) return v;
    }
}

Vec reflect(Vec v, Vec normal) {
    return v - normal * (2 * dot(v, normal));
}

/// The light that comes back along a ray: one random path, ended by light, sky or its last bounce.
Vec trace(const Scene& scene, Vec from, Vec direction, Random& random) {
    Vec weight{1, 1, 1};
    for (int bounce = 0; bounce < scene.bounces; ++bounce) {
        const Hit hit = nearest(scene, from, direction);
        if (hit.sphere == nullptr) {
            const double t = 0.5 * (direction.y + 1);
            return weight * (scene.sky_low * (1 - t) + scene.sky_high * t);
        }
        const Sphere& sphere = *hit.sphere;
        const Vec point = from + direction * hit.distance;
        const Vec outward = (point - sphere.centre) * (1 / sphere.radius);
        const bool leaving = dot(direction, outward) > 0;
        const Vec normal = leaving ? outward * -1 : outward;
        Vec colour = sphere.colour;
        switch (sphere.surface) {
            case Surface::light:
                return weight * sphere.colour;
            case Surface::checker: {
                const bool odd = ((static_cast<int>(std::floor(point.x * 0.7)) +
                                   static_cast<int>(std::floor(point.z * 0.7))) &
                                  1) != 0;
                if (odd) colour = colour * sphere.roughness;
                direction = unit(normal + random_in_sphere(random) * 0.999);
                break;
            }
            case Surface::matt:
                direction = unit(normal + random_in_sphere(random) * 0.999);
                break;
            case Surface::metal:
                direction =
                    unit(reflect(direction, normal) + random_in_sphere(random) * sphere.roughness);
                if (dot(direction, normal) <= 0) return {};
                break;
            case Surface::glass: {
                const double ratio = leaving ? 1.5 : 1 / 1.5;
                const double cosine = -dot(direction, normal);
                const double sine2 = ratio * ratio * (1 - cosine * cosine);
                const double r0 = 0.04;
                const double fresnel = r0 + (1 - r0) * std::pow(1 - cosine, 5);
                if (sine2 > 1 || random.next() < fresnel)
                    direction = reflect(direction, normal);
                else
                    direction =
                        unit(direction * ratio + normal * (ratio * cosine - std::sqrt(1 - sine2)));
                break;
            }
        }
        weight = weight * colour;
        from = point;
    }
    return {};
}

std::uint8_t to_byte(double light) {
    const double gamma = std::sqrt(std::clamp(light, 0.0, 1.0));
    return static_cast<std::uint8_t>(gamma * 255 + 0.5);
}

struct Tile {
    std::uint32_t x = 0, y = 0, width = 0, height = 0;
    std::vector<std::uint8_t> rgb;
};

/// Tile `index` of a grid as square as `count` allows; the grid covers the picture exactly.
Tile tile_of(const Scene& scene, int index, int count) {
    int columns = static_cast<int>(std::sqrt(static_cast<double>(count)));
    while (count % columns != 0) --columns;
    const int rows = count / columns;
    const int column = index % columns;
    const int row = index / columns;
    const int left = scene.width * column / columns;
    const int right = scene.width * (column + 1) / columns;
    const int top = scene.height * row / rows;
    const int bottom = scene.height * (row + 1) / rows;
    return {static_cast<std::uint32_t>(left),
            static_cast<std::uint32_t>(top),
            static_cast<std::uint32_t>(right - left),
            static_cast<std::uint32_t>(bottom - top),
            {}};
}

void render(const Scene& scene, Tile& tile) {
    const Vec forward = unit(scene.target - scene.eye);
    const Vec right = unit(cross(forward, {0, 1, 0}));
    const Vec up = cross(right, forward);
    const double scale = std::tan(scene.field_of_view * 3.14159265358979323846 / 360);
    const double aspect = static_cast<double>(scene.width) / scene.height;
    for (std::uint32_t y = tile.y; y < tile.y + tile.height; ++y) {
        for (std::uint32_t x = tile.x; x < tile.x + tile.width; ++x) {
            Random random(std::uint64_t{y} * static_cast<std::uint64_t>(scene.width) + x + 1);
            Vec sum;
            for (int s = 0; s < scene.samples; ++s) {
                const double u = (2 * (x + random.next()) / scene.width - 1) * scale * aspect;
                const double v = (1 - 2 * (y + random.next()) / scene.height) * scale;
                sum = sum + trace(scene, scene.eye, unit(forward + right * u + up * v), random);
            }
            sum = sum * (1.0 / scene.samples);
            tile.rgb.push_back(to_byte(sum.x));
            tile.rgb.push_back(to_byte(sum.y));
            tile.rgb.push_back(to_byte(sum.z));
        }
    }
}

void write_tile(const Tile& tile, const std::string& path) {
    FILE* file = std::fopen(path.c_str(), "wb");
    if (file == nullptr) fail("cannot write " + path);
    const std::uint32_t head[4] = {tile.x, tile.y, tile.width, tile.height};
    std::fwrite(head, sizeof head, 1, file);
    std::fwrite(tile.rgb.data(), 1, tile.rgb.size(), file);
    if (std::fclose(file) != 0) fail("cannot write " + path);
}

Tile read_tile(const std::string& path) {
    FILE* file = std::fopen(path.c_str(), "rb");
    if (file == nullptr) fail("cannot open " + path);
    std::uint32_t head[4] = {};
    if (std::fread(head, sizeof head, 1, file) != 1) fail(path + " is not a tile");
    Tile tile{head[0], head[1], head[2], head[3], {}};
    if (tile.width > 16384 || tile.height > 16384 || tile.x > 16384 || tile.y > 16384)
        fail(path + " is not a tile");
    tile.rgb.resize(std::size_t{3} * tile.width * tile.height);
    if (std::fread(tile.rgb.data(), 1, tile.rgb.size(), file) != tile.rgb.size())
        fail(path + " is cut short");
    std::fclose(file);
    return tile;
}

/// PNG with stored (uncompressed) blocks: a few lines, and every viewer reads it.
class Png {
  public:
    explicit Png(FILE* file) : file_(file) {
        for (std::uint32_t n = 0; n < 256; ++n) {
            std::uint32_t c = n;
            for (int k = 0; k < 8; ++k) c = (c & 1U) != 0 ? 0xedb88320U ^ (c >> 1U) : c >> 1U;
            table_[n] = c;
        }
        std::fwrite("\x89PNG\r\n\x1a\n", 1, 8, file_);
    }
    void chunk(const char* type, const std::vector<std::uint8_t>& data) {
        std::vector<std::uint8_t> body(type, type + 4);
        body.insert(body.end(), data.begin(), data.end());
        std::uint32_t crc = 0xffffffffU;
        for (const std::uint8_t byte : body) crc = table_[(crc ^ byte) & 0xffU] ^ (crc >> 8U);
        std::vector<std::uint8_t> out;
        put32(out, static_cast<std::uint32_t>(data.size()));
        out.insert(out.end(), body.begin(), body.end());
        put32(out, crc ^ 0xffffffffU);
        std::fwrite(out.data(), 1, out.size(), file_);
    }
    static void put32(std::vector<std::uint8_t>& out, std::uint32_t v) {
        for (int shift = 24; shift >= 0; shift -= 8)
            out.push_back(static_cast<std::uint8_t>(v >> static_cast<unsigned>(shift)));
    }

  private:
    FILE* file_;
    std::uint32_t table_[256] = {};
};

void write_png(const std::string& path, std::uint32_t width, std::uint32_t height,
               const std::vector<std::uint8_t>& rgb) {
    FILE* file = std::fopen(path.c_str(), "wb");
    if (file == nullptr) fail("cannot write " + path);
    Png png(file);
    std::vector<std::uint8_t> head;
    Png::put32(head, width);
    Png::put32(head, height);
    head.insert(head.end(), {8, 2, 0, 0, 0});
    png.chunk("IHDR", head);

    std::vector<std::uint8_t> raw;
    for (std::uint32_t y = 0; y < height; ++y) {
        raw.push_back(0);
        raw.insert(raw.end(), rgb.begin() + std::ptrdiff_t{3} * width * y,
                   rgb.begin() + std::ptrdiff_t{3} * width * (y + 1));
    }
    std::vector<std::uint8_t> data{0x78, 0x01};
    std::uint32_t a = 1, b = 0;
    for (std::size_t at = 0; at < raw.size();) {
        const std::size_t size = std::min<std::size_t>(65535, raw.size() - at);
        data.push_back(at + size == raw.size() ? 1 : 0);
        data.push_back(static_cast<std::uint8_t>(size));
        data.push_back(static_cast<std::uint8_t>(size >> 8U));
        data.push_back(static_cast<std::uint8_t>(~size));
        data.push_back(static_cast<std::uint8_t>(~size >> 8U));
        for (std::size_t i = at; i < at + size; ++i) {
            a = (a + raw[i]) % 65521;
            b = (b + a) % 65521;
        }
        data.insert(data.end(), raw.begin() + static_cast<std::ptrdiff_t>(at),
                    raw.begin() + static_cast<std::ptrdiff_t>(at + size));
        at += size;
    }
    Png::put32(data, (b << 16U) | a);
    png.chunk("IDAT", data);
    png.chunk("IEND", {});
    if (std::fclose(file) != 0) fail("cannot write " + path);
}

void find_tiles(const std::string& folder, std::vector<std::string>& out) {
    DIR* dir = opendir(folder.c_str());
    if (dir == nullptr) fail("cannot list " + folder);
    while (const dirent* entry = readdir(dir)) {
        const std::string name = entry->d_name;
        if (name == "." || name == "..") continue;
        const std::string path = folder + "/" + name;
        if (entry->d_type == DT_DIR)
            find_tiles(path, out);
        else if (name.rfind("tile-", 0) == 0)
            out.push_back(path);
    }
    closedir(dir);
}

int join() {
    std::vector<std::string> paths;
    find_tiles("/in", paths);
    if (paths.empty()) fail("no tile-*.bin under /in");
    std::vector<Tile> tiles;
    std::uint32_t width = 0, height = 0;
    for (const std::string& path : paths) {
        tiles.push_back(read_tile(path));
        width = std::max(width, tiles.back().x + tiles.back().width);
        height = std::max(height, tiles.back().y + tiles.back().height);
    }
    std::vector<std::uint8_t> rgb(std::size_t{3} * width * height);
    for (const Tile& tile : tiles)
        for (std::uint32_t y = 0; y < tile.height; ++y)
            std::memcpy(&rgb[3 * (std::size_t{width} * (tile.y + y) + tile.x)],
                        &tile.rgb[std::size_t{3} * tile.width * y], std::size_t{3} * tile.width);
    write_png("/picture.png", width, height, rgb);
    std::printf("picture.png: %u x %u pixels from %zu tiles\n", width, height, tiles.size());
    return 0;
}

int number_from(const char* name, int fallback) {
    const char* text = std::getenv(name);
    return text != nullptr ? std::atoi(text) : fallback;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::strcmp(argv[1], "join") == 0) return join();
    const int index = number_from("MILLRACE_TASK", 0);
    const int count = number_from("MILLRACE_TASKS", 1);
    if (count < 1 || index < 0 || index >= count) fail("task index out of range");
    const Scene scene = read_scene("/in/scene.txt");
    Tile tile = tile_of(scene, index, count);
    render(scene, tile);
    char name[32];
    std::snprintf(name, sizeof name, "/tile-%05d.bin", index);
    write_tile(tile, name);
    std::printf("tile %d of %d: %u x %u pixels\n", index, count, tile.width, tile.height);
    return 0;
}
