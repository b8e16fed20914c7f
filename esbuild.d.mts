import type { BuildOptions } from 'esbuild';
export function buildOptions(options: { production: boolean; root?: string; outdir?: string }): BuildOptions[];
