/* Preloaded into programs: their wall clock is the machine's and so many seconds as the file says that CLOCK_FILE names.
   All other clocks, by which programs measure how long they wait, are left as they are. Needs no headers. */

struct timespec { long sec, nsec; };
struct timeval { long sec, usec; };

extern void *dlsym(void *, const char *);
extern char *getenv(const char *);
extern int open(const char *, int, ...);
extern void *mmap(void *, unsigned long, int, int, int, long);

static const volatile long *ahead;
static int (*real_clock)(int, struct timespec *);
static int (*real_wait)(void *, const struct timespec *);

__attribute__((constructor)) static void begin(void)
{
    const char *name = getenv("CLOCK_FILE");
    int file = name ? open(name, 02000000 /* O_CLOEXEC */) : -1;
    void *found = file < 0 ? (void *)-1 : mmap(0, 8, 1 /* PROT_READ */, 1 /* MAP_SHARED */, file, 0);
    ahead = found == (void *)-1 ? 0 : found;
}

static long now_ahead(void) { return ahead ? *ahead : 0; }

int clock_gettime(int clock, struct timespec *out)
{
    if (!real_clock)
        real_clock = dlsym((void *)-1 /* RTLD_NEXT */, "clock_gettime");
    int answer = real_clock(clock, out);
    if (!answer && (clock == 0 /* CLOCK_REALTIME */ || clock == 5 /* CLOCK_REALTIME_COARSE */))
        out->sec += now_ahead();
    return answer;
}

int gettimeofday(struct timeval *out, void *zone)
{
    struct timespec now;
    int answer = clock_gettime(0, &now);
    out->sec = now.sec;
    out->usec = now.nsec / 1000;
    return answer;
}

long time(long *out)
{
    struct timespec now;
    clock_gettime(0, &now);
    if (out)
        *out = now.sec;
    return now.sec;
}

/* Its deadline is a time of the wall clock, which the kernel compares with its own. */
int sem_timedwait(void *semaphore, const struct timespec *until)
{
    struct timespec own = {until->sec - now_ahead(), until->nsec};
    if (!real_wait)
        real_wait = dlsym((void *)-1, "sem_timedwait");
    return real_wait(semaphore, &own);
}
